"""Split: images -> train, validation and test, by group and for ever."""
