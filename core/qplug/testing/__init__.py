"""What plugin authors run against their own components, under pytest or by hand.

``reference``: a plain simulator that is there to be read; ``circuits`` and ``strategies``: circuits to try (the latter
needs hypothesis); ``conformance``: every promise of a component's kind as one small check
with a name, under pytest and by hand; ``equivalence``: backends and quantum heads in one call; ``components``,
``executors`` (``cells``: work for them) and ``remote``: every other kind in one call (``trials``: what they are tried
with). Import the module that you need.
"""
