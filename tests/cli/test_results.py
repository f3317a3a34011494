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


def test_the_accuracy_comes_with_its_interval_and_the_next_command(capsys) -> None:
    results.show(SUMMARY | {"run": "runs/my run"}, json=False)
    printed = capsys.readouterr().out
    assert "test accuracy 0.500, 95 % interval 0.095 to 0.905 for other samples like these 2" in printed
    assert "next: qplug report 'runs/my run'" in printed
    results.show(SUMMARY | {"run": ["runs/one", "runs/two"]}, json=False)
    assert "interval" not in capsys.readouterr().out
