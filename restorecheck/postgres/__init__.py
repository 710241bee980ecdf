"""PostgreSQL: its programs, throw-away servers, dumps and queries.

The only room that imports psycopg and starts PostgreSQL's processes. Every error of a driver, a
program or the file system is translated here.
"""
