"""Source files to stored images, in processes of their own."""
