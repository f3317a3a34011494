"""The components of a run that names none."""

FEATURES_FOR = {"audio": "mel", "image": "pixels"}
"""The feature extractor for each modality, where neither the user nor the data set says."""
BACKBONE, HEAD, BACKEND = "cnn3", "pennylane-pqc", "torch"
