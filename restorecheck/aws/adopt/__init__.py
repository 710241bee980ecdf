"""Instances that another program has restored."""
