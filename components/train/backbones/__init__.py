"""Backbones: RGB images -> features, by name."""
