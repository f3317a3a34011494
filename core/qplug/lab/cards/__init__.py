"""Published claims as cards, and what becomes of each: under its own protocol, and under one that holds."""
