"""`restorecheck demo`: the story behind the project, played on generated data."""
