"""Physical backups: the choice, the files, the recovery and its result."""
