"""Cells on a cluster of Ray that the user started. Ray itself is imported when the first cells are given to it."""
