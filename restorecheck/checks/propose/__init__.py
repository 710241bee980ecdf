"""Which checks a database would hold. Pure."""
