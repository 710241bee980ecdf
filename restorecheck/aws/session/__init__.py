"""Access to AWS: accounts, the call guard, names and tags, descriptions, errors."""
