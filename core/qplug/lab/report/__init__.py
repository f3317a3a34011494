"""A finished run, or a set of folds, as one HTML file that needs nothing else."""
