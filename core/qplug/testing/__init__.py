"""What plugin authors run against their own components, under pytest or by hand.

``reference``: a plain simulator that is there to be read; ``circuits`` and ``strategies``: circuits to try (the latter
needs hypothesis); ``equivalence``: checks of backends and of quantum heads; ``executors``: checks of executors
(``cells``: work for them); ``remote``: checks of remote backends; ``components``: checks of every
other kind (``trials``: what these try them with). Import
the module that you need.
"""
