"""What a process of a host has: exit codes, logs, signals, locks, files."""
