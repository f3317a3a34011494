"""Quantum heads of the literature, written as the contract's circuits: they need no other framework."""
