"""Facts for `doctor` and `audit`. Every call only reads."""
