"""`restorecheck run`: drills by schedule, each in its own process."""
