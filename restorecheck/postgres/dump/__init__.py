"""From a dump to a restored database: choosing the dump, its needs, the load, the providers."""
