"""What to ask a restored database, and how to judge what it answers. Pure."""
