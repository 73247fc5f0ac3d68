"""Train: train and validation images -> a Keras model."""
