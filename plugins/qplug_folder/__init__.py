"""The user's own recordings or images: one folder per class."""
