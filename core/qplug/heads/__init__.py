"""What quantum heads are made of: the module that runs a circuit, read-outs, traced heads, angle maps."""
