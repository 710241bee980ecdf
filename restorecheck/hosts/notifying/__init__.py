"""Messages: which channel gets which, and their delivery."""
