"""PostgreSQL: its programs, its throw-away servers, its dumps, and the questions put to it.

The only room that imports psycopg and starts PostgreSQL's processes. Every error of a driver, a
program or the file system is translated here.
"""
