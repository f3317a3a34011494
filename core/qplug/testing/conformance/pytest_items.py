"""The checks as pytest items: one for each component and check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qplug.contract.errors import UnknownName
from qplug.testing.conformance.check import Check, Skipped
from qplug.testing.conformance.registry import checks_for
from qplug.testing.conformance.setting import DEFAULT, Setting


class Item:
    """A check that pytest reports as skipped where it cannot be made."""

    def __init__(self, check: Check) -> None:
        self.check = check

    def __call__(self) -> str:
        """Makes the check."""
        import pytest

        try:
            return self.check()
        except Skipped as skipped:
            pytest.skip(str(skipped))


def conformance(
    *components: object, setting: Setting = DEFAULT, expected_failures: Mapping[str, str] | None = None
) -> Any:
    """A pytest mark that gives a test its argument ``check``, once for each component and check.

    A test is then three lines::

        @conformance(Cosine(), Cosine(temperature=2))
        def test_the_contract_is_kept(check):
            check()

    Args:
        components: what is checked; each is named by its class, and numbered where several have one.
        setting: what they are tried with.
        expected_failures: checks by name that are known to fail, with the reason; one that passes fails the test.

    Raises:
        UnknownName: there is no such check.
    """
    import pytest

    expected = dict(expected_failures or {})
    items, names = [], []
    for component in components:
        for check in checks_for(component, setting):
            names.append(check.name)
            mark = pytest.mark.xfail(reason=expected.get(check.name, ""), strict=True, raises=AssertionError)
            marks = [mark] if check.name in expected else []
            items.append(pytest.param(Item(check), id=_id(check), marks=marks))
    for name in expected:
        if name not in names:
            raise UnknownName.of("check", name, set(names))
    return pytest.mark.parametrize("check", items)


def _id(check: Check) -> str:
    kebab = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", check.component).lower()
    return f"{kebab}-{check.name}"
