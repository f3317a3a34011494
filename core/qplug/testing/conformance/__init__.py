"""The conformance suite: every promise of a component's kind as one small check with a name.

Under pytest, one item for each component and check::

    from qplug.testing.conformance import conformance


    @conformance(MyHead(), MyHead(n_layers=2))
    def test_the_contract_is_kept(check):
        check()

By hand, ``outcomes(checks_for(MyHead()))``; on the command line, ``qplug check head my-head``. What a component is
tried with where the checks cannot know it, such as the folder of a data set, is said by a ``Setting``.
"""

from qplug.testing.conformance.check import Check, Outcome, Skipped, outcome, outcomes, require_all
from qplug.testing.conformance.pytest_items import conformance
from qplug.testing.conformance.registry import checks_for, promises_of
from qplug.testing.conformance.setting import Setting

__all__ = [
    "Check",
    "Outcome",
    "Setting",
    "Skipped",
    "checks_for",
    "conformance",
    "outcome",
    "outcomes",
    "promises_of",
    "require_all",
]
