"""Measurements: each prints a ratio against a named peer in the same run; none is a test."""
