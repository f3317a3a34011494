"""Classical components in plain PyTorch: a backbone, reducers and heads."""
