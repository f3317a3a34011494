"""Components of a classifier that a training left as they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import nn

from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.model import RunConfig
from qplug.lab.pipeline.classifier import Classifier


def prints(model: nn.Module) -> Mapping[str, bytes]:
    """A digest of each trainable parameter by its name: what has the same one later was not changed."""
    return {
        name: hashlib.blake2b(parameter.detach().cpu().contiguous().numpy().tobytes(), digest_size=16).digest()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def idle_parts(config: RunConfig, model: Classifier, before: Mapping[str, bytes]) -> list[str]:
    """A warning for each part that has trainable parameters none of which training changed.

    No gradient reaches them: the component detaches its outputs, or computes them through something without a gradient.
    Without it the optimiser leaves a parameter as it is. Of a quantum head its circuit is a component of its own.

    Args:
        config: the run.
        model: the trained classifier.
        before: its ``prints`` before the training.
    """
    now = prints(model)
    unchanged = {name for name in before if now.get(name) == before[name]}
    found: list[str] = []
    for part, names in _parts(config, model, before):
        if names and unchanged.issuperset(names):
            found.append(
                f"training changed none of the {len(names)} trainable tensors of {part}: no gradient reached them, or "
                "their step was too small. It may detach its outputs (detach, .data, numpy, torch.no_grad); the "
                "result is that of its initial values."
            )
            unchanged.difference_update(names)  # a circuit is not named again where its whole head was
    return found


def _parts(config: RunConfig, model: Classifier, names: Iterable[str]) -> Iterator[tuple[str, set[str]]]:
    """Each part in words, and the names of its trainable parameters; a head before its circuit."""
    everything = list(names)
    yield f"backbone {config.backbone.name!r}", _below(everything, "front")
    in_front = [each.circuit_parameters for each in model.circuits_in_front()]
    yield f"the circuits of backbone {config.backbone.name!r}", _named(model, in_front) & set(everything)
    path_of = {id(module): path for path, module in model.named_modules()}
    for number, (choice, modules) in enumerate(zip(config.branches, model.branches.pairs(), strict=True), start=1):
        where = f" of branch {number}" if len(config.branches) > 1 else ""
        reducer, head = modules
        yield f"reducer {choice.reducer.name!r}{where}", _below(everything, path_of[id(reducer)])
        yield f"head {choice.head.name!r}{where}", _below(everything, path_of[id(head)])
        if isinstance(head, QuantumModule):
            of_circuit = _named(model, [head.circuit_parameters])
            yield f"the circuit of head {choice.head.name!r}{where}", of_circuit & set(everything)


def _named(model: nn.Module, parameters: Sequence[nn.Parameter]) -> set[str]:
    wanted = {id(each) for each in parameters}
    return {name for name, each in model.named_parameters() if id(each) in wanted}


def _below(names: Iterable[str], path: str) -> set[str]:
    return {name for name in names if name.startswith(f"{path}.")}
