"""A backend for qplug that wraps Qiskit's Statevector."""
