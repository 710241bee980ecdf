"""The kinds of source that a target can have, one file each: how a drill of it is made, asked, looked
at and taken away. A file is named after the key in `config.sources.registry`, and imported when a
target of its kind is there: the functions in AWS load no PostgreSQL.
"""
