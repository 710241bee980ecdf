"""Instances that another program restored."""
