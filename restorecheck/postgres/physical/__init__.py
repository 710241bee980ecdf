"""Physical backups: which one, its files, its recovery, and how far that came."""
