"""Reading a restored database: its catalog, every table once, and the questions of the checks."""
