"""The small core that every plugin author reads: what the components are, and how they are found."""
