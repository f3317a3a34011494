"""librosa, whose spectra ours are held against, without half a minute of compilation in a new environment.

Importing it compiles functions for pitch, rhythm and peaks, none of which is called here.
"""

from unittest.mock import patch

import numpy as np

with (
    patch("numba.guvectorize", lambda *_, **__: lambda function: function),
    patch("numba.vectorize", lambda *_, **__: np.vectorize),
):
    import librosa
    import librosa.feature
    import librosa.filters

    librosa.feature.melspectrogram, librosa.feature.mfcc, librosa.power_to_db, librosa.filters.mel  # noqa: B018 - loads them

__all__ = ["librosa"]
