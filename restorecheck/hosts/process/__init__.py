"""Parts of a host's process: exit codes, logs, signals, locks, files."""
