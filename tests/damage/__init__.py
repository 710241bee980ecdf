"""Damaged databases: what the checks see of them."""
