"""Odd but healthy databases, and the answer that each check owes them."""
