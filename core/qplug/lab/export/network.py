"""A classifier's classical network as ONNX."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from qplug import installation
from qplug.contract.errors import NotInstalled, NotSupported, QplugError
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.export.files import Exported, about, target, write
from qplug.lab.pipeline.cut import Before, BeforeBackbone, Behind, BehindBackbone, Between
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
    expectation values have the shape (batch, rows, n_observables); how many rows a sample has, the metadata say. Heads
    with circuits behind these make a third file, ``model.between.onnx``: expectation values of the backbone's circuits
    → angles of the heads'. Names number the circuits in the order of the classifier, the backbone's first.

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
    file = target(path, out, "model.onnx")
    circuits = [module.circuit for module in run.model.quantum_modules()]
    features = torch.randn(2, *run.features.shape, generator=torch.Generator().manual_seed(0))
    if not circuits:
        network = _network(run.model, [features], ["features"], ["logits"], carried)
        return [write(file, network, "features → logits")]
    if any(run.model.circuits_in_front()):
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
    """Features → angles (row, n_encoding) → expectation values (batch, rows, n_observables) → … → logits."""
    shape, n_front = tuple(run.features.shape), len(list(run.model.circuits_in_front()))
    modules = list(run.model.quantum_modules())
    heads, n_branches = modules[n_front:], len(run.model.branches.branches)
    before = BeforeBackbone(run.model).eval()
    with _quiet(), torch.no_grad():  # backbones may remark on numbers that are no features
        rows = before(features)
        found = [_values(module, angles) for module, angles in zip(modules[:n_front], rows, strict=True)]
        values = [each.reshape(len(features), -1, each.shape[1]) for each in found]
        reached = Between(run.model, shape).eval()(*values) if heads else ()
        of_heads = [_values(module, angles) for module, angles in zip(heads, reached[: len(heads)], strict=True)]
        behind = Behind(run.model).eval() if heads else BehindBackbone(run.model, shape).eval()
        logits = behind(*(of_heads or values)) + sum(reached[len(heads) :])
        if not torch.allclose(logits, run.model.eval()(features), rtol=_RELATIVE, atol=_ABSOLUTE):
            raise NotSupported(
                "behind the circuits of this run's backbone stands more than their values, such as a way around them, "
                "so that ONNX cannot hold the parts. Its weights can be exported (--to safetensors), and its "
                "circuits (--to qasm3)."
            )
    names = [[str(each) for each in module.circuit.observables] for module in modules]
    angles, expectations = numbered("angles", len(names)), numbered("expectations", len(names))
    facts = {
        **carried,
        "observables": dict(zip(expectations, names, strict=True)),
        "rows": {name: each.shape[1] for name, each in zip(expectations[:n_front], values, strict=True)},
    }
    first = _network(before, [features], ["features"], angles[:n_front], facts)
    parts = [(file, first, "features → encoding angles of the backbone's circuits, a row for each run")]
    told = "expectation values, sample by sample → "
    if heads:
        mixed = ["logits"] if n_branches > len(heads) else []
        made = [*angles[n_front:], *mixed]
        between = _network(Between(run.model, shape), values, expectations[:n_front], made, facts)
        beside = " and logits of the other branches" if mixed else ""
        told += f"encoding angles of the heads' circuits{beside}"
        parts.append((file.with_suffix(f".between{file.suffix}"), between, told))
        told = "expectation values of the heads' circuits → "
    last = _network(behind, of_heads or values, expectations[n_front:] or expectations, ["logits"], facts)
    parts.append((file.with_suffix(f".readout{file.suffix}"), last, f"{told}logits"))
    return [write(*part) for part in parts]


def _values(module: QuantumModule, angles: Tensor) -> Tensor:
    """What a circuit gives for angles (row, n_encoding), (row, n_observables)."""
    return module.backend(module.circuit, angles, module.head.weight_angles(module.circuit_parameters))


def numbered(name: str, n: int) -> list[str]:
    """``name``, ``name_2``, … up to n."""
    return [name if number == 1 else f"{name}_{number}" for number in range(1, n + 1)]


def _network(
    module: nn.Module, inputs: Sequence[Tensor], names: list[str], outputs: list[str], facts: Mapping[str, Any]
) -> bytes:
    """The bytes of a module as ONNX, checked; by torch's exporter, which is slow to load, only where it has to be."""
    from qplug.lab.export.layers import written

    module.eval()
    with _quiet(), suppress(Exception):  # what is wrong with a network, torch's exporter will tell
        # On other values than those that are compared: none may have become a part of the network.
        content = _checked(written(module, [values.flip(0) for values in inputs], names, outputs), facts)
        if _distance(module, inputs, names, content) is None:
            return content
    content = _checked(_by_torch(module, inputs, names, outputs), facts)
    if (far := _distance(module, inputs, names, content)) is not None:
        raise QplugError(f"ONNX Runtime differs from torch by {far:.2g} on this network; nothing was written.")
    return content


def _by_torch(module: nn.Module, inputs: Sequence[Tensor], names: list[str], outputs: list[str]) -> Any:
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
        return program.model_proto


def _checked(proto: Any, facts: Mapping[str, Any]) -> bytes:
    import onnx

    for name, value in facts.items():
        proto.metadata_props.add(key=name, value=json.dumps(value, ensure_ascii=False))
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString()
    return content


def _root(error: BaseException) -> str:
    """The first cause of an error in a few words: what the exporter wraps around it is advice to its developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _any_batch(module: nn.Module, n: int) -> Any:
    batch = {0: torch.export.Dim("batch", min=1)}
    return ((batch,) * n,) if isinstance(module, Behind | BehindBackbone | Between) else (batch,) * n


def _distance(module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str], content: bytes) -> float | None:
    """How far a file is from torch at batches of 1 and 2, if that is more than rounding."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for n in (1, len(inputs[0])):
        given = [values[:n] for values in inputs]
        with torch.no_grad():
            wanted = module(*given)
        found = session.run(None, {name: values.numpy() for name, values in zip(names, given, strict=True)})
        for here, there in zip([wanted] if isinstance(wanted, Tensor) else wanted, found, strict=True):
            if here.shape != there.shape:
                return math.inf
            if not np.allclose(here.numpy(), there, rtol=_RELATIVE, atol=_ABSOLUTE):
                return float(np.abs(here.numpy() - there).max())
    return None


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
