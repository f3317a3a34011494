"""The kinds of component, for those who need no more than their names."""

INTERFACE = 1
"""The version of the interfaces in this package. A component declares the one that it was written for."""

KINDS = {
    "dataset": "qplug.datasets",
    "features": "qplug.features",
    "backbone": "qplug.backbones",
    "reducer": "qplug.reducers",
    "head": "qplug.heads",
    "backend": "qplug.backends",
    "executor": "qplug.executors",
}
"""Each kind of component, and the entry-point group in which plugins announce theirs."""
