"""The checks: their questions to a restored database, and the judgement of the answers. Pure."""
