"""`restorecheck run`: drills by schedule, in processes of their own."""
