"""The engine of shelves: a table for each shelf, a row for each book."""
