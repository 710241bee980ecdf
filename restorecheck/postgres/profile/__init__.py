"""What checks can be proposed for."""
