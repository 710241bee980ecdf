"""The history in PostgreSQL, for drills on more than one machine."""
