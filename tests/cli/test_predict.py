"""``qplug predict``."""

import pytest

from qplug_cli.commands import predict as command

FILES = [f"recordings/Actor_01/03-01-01-01-01-0{number}-01.flac" for number in (1, 2)]


@pytest.mark.parametrize(("columns", "others"), [("80", 1), ("140", 3)])
def test_files_are_told_apart_at_any_width(columns, others, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    chances = {"neutral": 0.4, "surprised": 0.3, "disgust": 0.2, "fearful": 0.1}
    command._show([{"file": file, "label": "neutral", "probabilities": chances} for file in FILES])
    told = capsys.readouterr().out
    heading, *lines = told.splitlines()
    width = heading.index("class")
    assert "".join(line[:width].strip() for line in lines) == "".join(FILES)
    assert all(len(line) <= int(columns) for line in lines)
    assert told.count("surprised 0.300") == 2
    assert ("fearful 0.100" in told) == (others == 3)


def test_brackets_in_names_are_no_markup(capsys) -> None:
    command._show([{"file": "x[/nope].wav", "label": "a [b]", "probabilities": {"a [b]": 0.6, "[c]": 0.4}}])
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert line.split() == ["x[/nope].wav", "a", "[b]", "0.600", "[c]", "0.400"]


def test_answers_as_a_table_keep_names_with_commas() -> None:
    rows = [
        {"file": "a,b.wav", "label": "tap", "probabilities": {"tap": 0.75, "bell": 0.25}},
        {"file": "c.wav", "label": "bell", "probabilities": {"tap": 0.1, "bell": 0.9}},
    ]
    assert command._csv(rows).decode().splitlines() == [
        "file,label,p_tap,p_bell",
        '"a,b.wav",tap,0.750000,0.250000',
        "c.wav,bell,0.100000,0.900000",
    ]
