"""The SQL of each engine: each module here is a `scan_statements.Sql`."""
