"""Reading every table of a database once, whatever its engine."""
