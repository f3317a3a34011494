"""Two quantum heads for qplug: one circuit, written in PennyLane and in Qiskit."""
