"""The version of qplug, in a file of its own, so that all of qplug can say it without importing the package's face."""

__version__ = "0.1.0"
