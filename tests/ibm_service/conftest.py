"""The service for the tests of itself."""

from .fixtures import ibm

__all__ = ["ibm"]
