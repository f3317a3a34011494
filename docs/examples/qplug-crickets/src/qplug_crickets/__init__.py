"""A data set for qplug: crickets by species."""
