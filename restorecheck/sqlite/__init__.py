"""The drill store of one machine: a SQLite file."""
