"""Ingest: labelled image files -> one dataset of upright, scaled RGB images."""
