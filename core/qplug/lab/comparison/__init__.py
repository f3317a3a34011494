"""Many cells at once: where they are carried out."""
