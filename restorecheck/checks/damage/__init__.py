"""Kinds of damage, and which checks detected them. Pure."""
