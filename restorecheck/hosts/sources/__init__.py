"""The kinds of source, one file each: how a host makes, asks, inspects and deletes the databases of
their drills. A file has the name of its key in `config.sources.registry`, and is imported only for
a target of its kind: the functions in AWS load no PostgreSQL.
"""
