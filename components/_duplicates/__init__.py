"""What belongs together: near-duplicates, and whatever else ties numbers to each other."""
