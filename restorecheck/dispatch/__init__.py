"""Hands due drills over to other hosts: as jobs in PostgreSQL, or as Jobs of Kubernetes."""
