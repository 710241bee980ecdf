"""The engine of shelves: a folder for each shelf, a file for each book."""
