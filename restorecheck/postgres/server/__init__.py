"""Throw-away servers: PostgreSQL's programs, the account and the fence that they run in, the cluster."""
