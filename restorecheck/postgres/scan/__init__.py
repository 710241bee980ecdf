"""The scan of a restored database: its catalog, every table once, the queries of checks."""
