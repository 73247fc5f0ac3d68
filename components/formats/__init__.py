"""What two steps must agree on, and nothing else."""
