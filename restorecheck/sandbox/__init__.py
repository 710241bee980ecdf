"""A rehearsal AWS on this machine: moto for the wire, a real PostgreSQL behind every endpoint."""
