"""The version and the names of qplug, in a file of its own: all of it can say them without the package's face."""

__version__ = "0.1.0"

PROJECT = "qplug"
"""What the project, its command and its imports are called, and in lists and records what brings its own components."""

DISTRIBUTION = "qplug-hybrid"
"""What pip calls it, as pyproject.toml says for the build: on the package index, ``qplug`` is another project's."""

REGISTERED = False
"""Whether the index knows ``DISTRIBUTION`` as this project's, so that a command may name it alone."""
