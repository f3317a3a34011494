"""A classifier's classical network as ONNX."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from qplug import installation
from qplug.contract.errors import NotInstalled, NotSupported, QplugError
from qplug.lab.export.files import Exported, about, target, write
from qplug.lab.pipeline.cut import Before, BeforeBackbone, Behind, BehindBackbone
from qplug.lab.runner.loaded import LoadedRun, load_run

_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_ABSOLUTE, _RELATIVE = 1e-5, 1e-4  # how far ONNX Runtime may be from torch, both in single precision


def export_network(path: Path, out: Path | None = None) -> list[Exported]:
    """Writes the classical network as ONNX, and compares what it computes with torch before it is kept.

    Without a circuit it is one file, features → logits. With circuits there are two: ``model.onnx``, features → the
    encoding angles of each circuit (``angles``, ``angles_2``, …) and, where branches without a circuit stand beside,
    ``logits``; and ``model.readout.onnx``, the circuits' expectation values (``expectations``, …) → ``logits``. The
    sum of both files' logits is the classifier's. The batch may have any size.

    Where the backbone holds circuits, each angle row is a run of one, all those of a sample after those of another, and
    expectation values have the shape (batch, rows, n_observables); how many rows a sample has, the metadata say.

    Args:
        path: the run directory.
        out: the file to write; ``export/model.onnx`` in the run directory by default.

    Raises:
        NotInstalled: packages for ONNX are missing.
        NotSupported: a component of the network cannot be written as ONNX.
        UserError: the run is not finished, or a file cannot be written.
        QplugError: ONNX Runtime computes something else than torch.
    """
    _require()
    # When it is imported, it would give this machine a number in the user's cache, and report what is run.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    carried = about(path)
    run = load_run(path)
    in_front = any(run.model.circuits_in_front())
    if in_front:
        _refuse_circuits_behind(run)
    file = target(path, out, "model.onnx")
    circuits = [module.circuit for module in run.model.quantum_modules()]
    features = torch.randn(2, *run.features.shape, generator=torch.Generator().manual_seed(0))
    if not circuits:
        network = _network(run.model, [features], ["features"], ["logits"], carried)
        return [write(file, network, "features → logits")]
    if in_front:
        return _cut_in_backbone(run, file, features, carried)
    angles = numbered("angles", len(circuits))
    mixed = len(run.model.branches.branches) > len(circuits)
    observables = [[str(observable) for observable in circuit.observables] for circuit in circuits]
    noise = torch.Generator().manual_seed(1)
    values = [torch.rand(2, len(names), generator=noise) * 2 - 1 for names in observables]
    expectations = numbered("expectations", len(circuits))
    facts = {**carried, "observables": dict(zip(expectations, observables, strict=True))}
    before = _network(Before(run.model), [features], ["features"], [*angles, *(["logits"] if mixed else [])], facts)
    behind = _network(Behind(run.model), values, expectations, ["logits"], facts)
    beside = " and logits of the other branches" if mixed else ""
    return [
        write(file, before, f"features → encoding angles{beside}"),
        write(file.with_suffix(f".readout{file.suffix}"), behind, "expectation values → logits"),
    ]


def _cut_in_backbone(run: LoadedRun, file: Path, features: Tensor, carried: Mapping[str, Any]) -> list[Exported]:
    """Features → angles (row, n_encoding), and expectation values (batch, rows, n_observables) → logits."""
    before, behind = BeforeBackbone(run.model).eval(), BehindBackbone(run.model, run.features.shape).eval()
    with _quiet(), torch.no_grad():  # backbones may remark on numbers that are no features
        values = _values_for(run, before, features)
        if not torch.allclose(behind(*values), run.model.eval()(features), rtol=_RELATIVE, atol=_ABSOLUTE):
            raise NotSupported(
                "behind the circuits of this run's backbone stands more than their values, such as a way around them, "
                "so that ONNX cannot hold the two halves. Its weights can be exported (--to safetensors), and its "
                "circuits (--to qasm3)."
            )
    names = [[str(each) for each in module.circuit.observables] for module in run.model.circuits_in_front()]
    angles, expectations = numbered("angles", len(names)), numbered("expectations", len(names))
    facts = {
        **carried,
        "observables": dict(zip(expectations, names, strict=True)),
        "rows": {name: each.shape[1] for name, each in zip(expectations, values, strict=True)},
    }
    first = _network(before, [features], ["features"], angles, facts)
    second = _network(behind, values, expectations, ["logits"], facts)
    return [
        write(file, first, "features → encoding angles of the backbone's circuits, a row for each run"),
        write(file.with_suffix(f".readout{file.suffix}"), second, "expectation values, sample by sample → logits"),
    ]


def _values_for(run: LoadedRun, before: BeforeBackbone, features: Tensor) -> list[Tensor]:
    """What the circuits of the backbone give for features, (batch, rows, n_observables)."""
    pairs = zip(run.model.circuits_in_front(), before(features), strict=True)
    found = [each.backend(each.circuit, rows, each.head.weight_angles(each.circuit_parameters)) for each, rows in pairs]
    return [values.reshape(len(features), -1, values.shape[1]) for values in found]


def _refuse_circuits_behind(run: LoadedRun) -> None:
    if any(run.model.circuits_in_branches()):
        raise NotSupported(
            "heads of this run hold circuits behind those of its backbone, and ONNX, which has none, is cut once. The "
            "weights can be exported (--to safetensors), and all circuits (--to qasm3)."
        )


def numbered(name: str, n: int) -> list[str]:
    """``name``, ``name_2``, … up to n."""
    return [name if number == 1 else f"{name}_{number}" for number in range(1, n + 1)]


def _network(
    module: nn.Module, inputs: Sequence[Tensor], names: list[str], outputs: list[str], facts: Mapping[str, Any]
) -> bytes:
    """The bytes of a module as ONNX, checked."""
    import onnx

    module.eval()
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                module, tuple(inputs), dynamo=True, verbose=False, input_names=names, output_names=outputs,
                dynamic_shapes=_any_batch(module, len(inputs)),
            )  # fmt: skip
        except Exception as error:  # the exporter's own errors have no common root
            raise NotSupported(
                f"this network cannot be written as ONNX ({_root(error)}). "
                "Its weights can be exported: --to safetensors"
            ) from error
        assert program is not None
        proto = program.model_proto
    for name, value in facts.items():
        proto.metadata_props.add(key=name, value=json.dumps(value, ensure_ascii=False))
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString()
    _compare(module, inputs, names, content)
    return content


def _root(error: BaseException) -> str:
    """The first cause of an error in a few words: what the exporter wraps around it is advice to its developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _any_batch(module: nn.Module, n: int) -> Any:
    batch = {0: torch.export.Dim("batch", min=1)}
    return ((batch,) * n,) if isinstance(module, Behind | BehindBackbone) else (batch,) * n


def _compare(module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str], content: bytes) -> None:
    """Refuses a file that computes something else than torch, at batches of 1 and 2."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for n in (1, len(inputs[0])):
        given = [values[:n] for values in inputs]
        with torch.no_grad():
            wanted = module(*given)
        found = session.run(None, {name: values.numpy() for name, values in zip(names, given, strict=True)})
        for here, there in zip([wanted] if isinstance(wanted, Tensor) else wanted, found, strict=True):
            if not np.allclose(here.numpy(), there, rtol=_RELATIVE, atol=_ABSOLUTE):
                far = float(np.abs(here.numpy() - there).max())
                raise QplugError(f"ONNX Runtime differs from torch by {far:.2g} on this network; nothing was written.")


def _require() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise NotInstalled(
            f"the ONNX export needs {', '.join(missing)}, not installed here. "
            f"Install what it needs with: {installation.install('onnx')}"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks about libraries that are not there and its own future."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
