"""A source of an engine of its own: shelves of books in a text file. Each file here stands where a real
one would, below `restorecheck/`.
"""
