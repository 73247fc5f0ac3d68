"""`python -m pipelines.cli` is `scenery`."""

from pipelines.cli import main

main()
