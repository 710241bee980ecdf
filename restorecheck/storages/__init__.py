"""Storages that dumps are fetched from: one file for each kind, named as its key in the configuration."""
