"""What is in a dataset of images, for people."""
