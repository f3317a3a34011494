"""Progress on stderr."""

import pytest

from qplug_cli.progress import loading


@pytest.mark.parametrize(("terminal", "told"), [("1", True), ("0", False)])
def test_a_terminal_is_told_what_the_first_seconds_go_into(terminal, told, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", terminal)
    with loading():
        pass
    captured = capsys.readouterr()
    assert ("loading packages" in captured.err) == told
    assert captured.out == ""
