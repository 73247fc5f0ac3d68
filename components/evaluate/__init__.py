"""Evaluate: a model and test images -> metrics by class, a report, a decision."""
