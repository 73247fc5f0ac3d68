"""Export: a blessed model -> a SavedModel and a TFLite file that agree with it."""
