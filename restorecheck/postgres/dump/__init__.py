"""From a dump to a restored database: which dump, what it needs, loading it, the providers."""
