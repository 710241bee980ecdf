"""What `doctor` and `audit` read. Every call reads."""
