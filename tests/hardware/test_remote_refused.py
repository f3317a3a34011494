"""A run on a remote backend is refused while no command can judge there, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qplug.contract.errors import NotSupported
from qplug.lab.runner.plan import plan


def test_a_run_on_a_remote_backend_is_refused_before_training(site: Any, tmp_path: Path) -> None:
    source = Path(__file__).with_name("toy_remote.py").read_text("utf-8")
    site.add("qplug-toy", {"qplug.backends": {"toy": "toy_remote_plugin:FolderQueue"}}, {"toy_remote_plugin": source})
    asked: dict[str, Any] = {"dataset": {"name": "digits"}, "backbone": {"name": "identity"}}
    with pytest.raises(NotSupported, match=r"backend 'toy' is remote: .* cannot be judged on such backends yet"):
        plan([{**asked, "head": {"name": "pennylane-pqc"}, "backend": {"name": "toy", "folder": str(tmp_path)}}])
