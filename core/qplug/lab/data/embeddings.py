"""Embeddings of a frozen network: computed once, kept on disk, mapped into memory at every later run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qplug.circuits.json_text import dump
from qplug.contract.errors import Interrupted, PluginError
from qplug.contract.interfaces import QuantumHead
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.data.cache import Features, Progress
from qplug.lab.data.code import code_hash
from qplug.lab.data.disk import exclusive, writing_to
from qplug.lab.data.fingerprint import identity_hash
from qplug.lab.data.store import Store
from qplug.parameters import describe

_COMMIT_BYTES = 4_000_000


def embeddings(
    module: nn.Module,
    features: Features,
    *,
    identity: Mapping[str, Any],
    cache: Path,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    progress: Progress = lambda done, total: None,
) -> NDArray[np.float32]:
    """What ``module`` makes of each feature, (sample, n_features), float32, mapped from disk and read-only.

    An embedding is found again as long as the feature, the module's structure, weights and buffers, the identity and
    the kind of device are the same. What comes before the frozen one (a normalisation, say) belongs into ``module``.

    Args:
        module: (batch, *shape) → (batch, n_features); used in evaluation mode, without gradients, and left as it was.
        features: what it embeds.
        identity: what else the numbers depend on, such as the backbone's name and parameters.
        cache: the cache folder.
        batch_size: samples that pass through at once.
        device: where to compute; the module is moved there and back.
        progress: told about samples that are done, cached ones included.

    Raises:
        UserError: the cache folder is full or cannot be written.
        PluginError: the module gives something else than one finite row for each sample.
        Interrupted: the user pressed Ctrl-C; what is done is kept.
    """
    place = torch.device(device)
    about = {
        "identity": dict(identity),
        "features": features.identity,
        "module": module_hash(module),
        "device": place.type,
        "torch": torch.__version__,
    }
    with _ready(module, place):
        n_features = _width(module, features, place)
        home = cache / "embeddings" / identity_hash(about)[:20]
        with writing_to(home, n_bytes=0):
            store = Store(home, (n_features,))
        there = store.intact(features.keys)
        if any(key not in there for key in features.keys):
            _fill(module, features, store, about, batch_size, place, progress)
    entries = store.entries()
    progress(len(features.keys), len(features.keys))
    with writing_to(home, n_bytes=0):
        return store.values([entries[key] for key in features.keys])


def module_hash(module: nn.Module) -> str:
    """SHA-256 (hex) of a module's structure, source code, weights and buffers, and of its circuits where they run."""
    structure = re.sub(r" at 0x[0-9a-f]+", "", repr(module))  # addresses of functions tell nothing
    content = hashlib.sha256(structure.encode())
    for part in {type(part): part for part in module.modules()}.values():
        own = not type(part).__module__.startswith("torch.")
        content.update(f"{type(part).__module__} {code_hash(part) if own else ''}".encode())
    for part in module.modules():
        if isinstance(head := getattr(part, "head", None), QuantumHead):  # a circuit, or what an ablation made of it
            content.update(code_hash(head).encode())
        if isinstance(part, QuantumModule):
            content.update(json.dumps(_of_circuit(part)).encode())
    for name, tensor in module.state_dict().items():
        values = tensor.detach().cpu().contiguous()
        content.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        content.update(values.flatten().view(torch.uint8).numpy().tobytes())
    return content.hexdigest()


def _of_circuit(module: QuantumModule) -> dict[str, Any]:
    """What a circuit's values depend on beside the module's weights: gates, angles, where it runs and with what."""
    head, backend, parameters = module.head, module.backend, module.circuit_parameters
    probe = torch.linspace(-2, 2, 3 * module.n_inputs, device=parameters.device).reshape(3, module.n_inputs)
    with torch.no_grad():
        angles = [head.weight_angles(parameters), head.encode(probe, parameters)]
    return {
        "circuit": dump(module.circuit),
        "angles": [each.double().tolist() for each in angles],
        "kind": f"{type(backend).__module__}:{type(backend).__qualname__} {code_hash(backend)}",
        "backend": {each.name: repr(getattr(backend, each.name, None)) for each in describe(type(backend))},
    }


@contextmanager
def _ready(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode and no gradients, on ``device``; afterwards all is as it was."""
    modes = [(part, part.training) for part in module.modules()]
    home = next((tensor.device for tensor in [*module.parameters(), *module.buffers()]), None)
    module.eval().to(device)
    try:
        with torch.inference_mode():
            yield
    finally:
        for part, training in modes:
            part.training = training
        if home is not None:
            module.to(home)


def _width(module: nn.Module, features: Features, device: torch.device) -> int:
    return int(_embed(module, np.asarray(features.values[:1]), device).shape[1])


def _embed(module: nn.Module, rows: NDArray[np.float32], device: torch.device) -> NDArray[np.float32]:
    result = module(torch.tensor(rows, device=device))
    if result.ndim != 2 or len(result) != len(rows):
        raise PluginError(
            f"{type(module).__name__} promised ({len(rows)}, n_features) for {len(rows)} samples "
            f"and gave {tuple(result.shape)}."
        )
    embedded = result.to(torch.float32).cpu().numpy()
    if not np.isfinite(embedded).all():
        raise PluginError(f"{type(module).__name__} gave embeddings that are not finite.")
    return np.asarray(embedded)


def _fill(
    module: nn.Module,
    features: Features,
    store: Store,
    about: Mapping[str, Any],
    batch_size: int,
    device: torch.device,
    progress: Progress,
) -> None:
    total = len(features.keys)
    with writing_to(store.folder, n_bytes=0), exclusive(store.lock, waiting=lambda: progress(len(store), total)):
        store.describe(about)
        there = store.intact(features.keys)
        missing = [i for i, key in enumerate(features.keys) if key not in there]
        done = total - len(missing)
        # Whole batches are committed, so a fill that goes on later makes the same batches and the same last digits.
        step = batch_size * max(1, _COMMIT_BYTES // (store.row_bytes * batch_size))
        with writing_to(store.folder, n_bytes=len(missing) * store.row_bytes):
            try:
                for start in range(0, len(missing), step):
                    rows = missing[start : start + step]
                    batches = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
                    embedded = [_embed(module, features.values[batch], device) for batch in batches]
                    store.append([features.keys[i] for i in rows], np.concatenate(embedded))
                    done += len(rows)
                    progress(done, total)
            except KeyboardInterrupt as error:
                raise Interrupted(
                    f"interrupted: the embeddings of {done} of {total} samples are kept in {store.folder}. "
                    "Run the same command again to go on from there."
                ) from error
