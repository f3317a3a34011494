"""What a quantum head can be expected to do, before it is trained: gradients, states, and what it sees of the data."""
