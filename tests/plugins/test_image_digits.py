"""The digits that scikit-learn carries."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Sample
from qplug.testing.components import check_dataset
from qplug_image.digits import Digits


def test_keeps_the_promises_of_a_data_set() -> None:
    check_dataset(Digits(), Path())


def test_images_and_labels_are_scikit_learns() -> None:
    digits, packaged = Digits(), load_digits()
    samples = digits.index(Path())
    assert [int(s.label) for s in samples] == packaged.target.tolist()
    np.testing.assert_allclose(digits.read(samples[1234]).pixels[0] * 16, packaged.images[1234])


def test_the_floor_is_that_of_the_most_frequent_digit() -> None:
    labels = [sample.label for sample in Digits().index(Path())]
    (digit, n), *_ = Counter(labels).most_common()
    share = 100 * n / len(labels)
    told = f"always the digit {digit}: accuracy {share:.1f} % ({n} of the 1,797 images)"
    assert [str(claim) for claim in Digits.reference] == [told]


def test_no_split_claims_to_be_official() -> None:
    assert not any(rule.official for rule in Digits.splits.values())


def test_a_sample_of_another_data_set_is_refused() -> None:
    with pytest.raises(DataError, match="'cat_7' is none of the 1797"):
        Digits().load(Sample("cat_7", "1", "g", offset=5000))
