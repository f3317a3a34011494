"""The service for the tests of itself."""

import warnings
from collections.abc import Iterator

import pytest

from .fixtures import ibm

__all__ = ["ibm"]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The client warns that its primitives will be replaced; which of them are used is not the matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
