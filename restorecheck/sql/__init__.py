"""The store in SQL: drills, reports, slots and messages, whatever the database."""
