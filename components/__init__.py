"""The steps of the pipeline, one folder each: ingest, split, train, tune, evaluate, export."""
