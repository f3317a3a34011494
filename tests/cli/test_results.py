"""What a finished run prints."""

from qplug_cli import results

PART = {"accuracy": 0.5, "balanced_accuracy": 0.5, "macro_f1": 0.5, "precision": 0.5, "cross_entropy": 0.7}
SUMMARY = {
    "dataset": "folder", "head": "linear", "backend": None, "seed": 0, "split": "random", "fold": None, "stamps": [],
    "validation": PART, "test": PART, "parameters": {"trainable": 3, "quantum": 0}, "train_seconds": 0.1,
    "n_train": 4, "n_validation": 2, "n_test": 2, "run": "runs[red]/one", "reference": ["90 % [1]"],
    "warnings": ["1 of 9 samples were skipped: low/x[/nope]bad.wav (the file is empty)"],
}  # fmt: skip


def test_brackets_in_names_are_no_markup(capsys) -> None:
    results.show(SUMMARY, json=False)
    printed = capsys.readouterr().out
    assert "warning: 1 of 9 samples were skipped: low/x[/nope]bad.wav (the file is empty)" in printed
    assert "known: 90 % [1]" in printed
    assert "written to runs[red]/one" in printed
