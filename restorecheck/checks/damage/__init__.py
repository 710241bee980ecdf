"""Kinds of damage, and who noticed. Pure."""
