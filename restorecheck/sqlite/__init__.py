"""The history of one machine: a SQLite file."""
