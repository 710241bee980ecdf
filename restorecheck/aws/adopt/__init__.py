"""Instances that somebody else has restored."""
