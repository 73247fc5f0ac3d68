"""Where images come from: folders, archives, buckets, manifests; and which class each belongs to."""
