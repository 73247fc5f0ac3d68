"""What went where, for people."""
