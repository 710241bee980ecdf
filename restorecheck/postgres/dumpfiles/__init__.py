"""Reading dump files without a server: what they are, whether they are whole, what they need."""
