"""``qplug plugins``."""

from qplug.catalogue import Entry
from qplug_cli.commands.plugins import brought


def test_distributions_stand_with_versions_and_what_cannot_be_used(site) -> None:
    site.add_head("sound", "raise ImportError('no luck')")
    done = site.qplug("plugins")
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert first.startswith("qplug ")
    assert " heads" in first
    assert "qplug-sound 1.0: nothing that can be used" in others
    (line,) = [line for line in others if "head sound" in line]
    assert "quarantined" in line
    assert "no luck" in line


def test_what_is_known_and_not_installed_is_of_no_distribution() -> None:
    rows = [
        Entry(kind="head", name="b", status="ready", provider="other", version="2.0"),
        Entry(kind="hook", name="h", status="disabled", provider="other", version="2.0", reason="by you"),
        Entry(kind="head", name="a", status="ready", provider="qplug", version="1.0"),
        Entry(kind="head", name="far", status="not-installed", provider="far"),
    ]
    first, second = brought(rows)
    assert (first.distribution, first.version, first.ready) == ("qplug", "1.0", {"head": ["a"]})
    assert (second.distribution, second.ready) == ("other", {"head": ["b"]})
    assert second.others == {"hook": {"h": "disabled: by you"}}
