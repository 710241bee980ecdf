"""How a database is brought back for real: the steps and commands for each kind of source. Pure, and prints only."""
