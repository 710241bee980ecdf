"""What an auditor is given: signed statements, notes of people, and the pack. Pure."""
