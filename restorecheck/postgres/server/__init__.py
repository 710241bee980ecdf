"""Throw-away servers: PostgreSQL's programs, their account and fence, the cluster."""
