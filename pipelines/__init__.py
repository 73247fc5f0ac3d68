"""The pipeline: compiled, run here or on a cluster, and its command line."""
