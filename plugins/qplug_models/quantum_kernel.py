"""A support vector machine with a quantum kernel, simulated exactly."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, final

import torch
from pydantic import Field
from sklearn.svm import SVC
from torch import Tensor

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Head, HeadCapabilities, TrainingPart

from .feature_maps import FeatureMap, FeatureMapName, fidelities, in_chunks, single_qubit_expectations
from .fitting import classes_of, numbers, standardisation
from .svm import SupportModule, built, pairwise, sharpness

KernelName: TypeAlias = Literal["fidelity", "projected"]

EXACT = 2_000
"""Up to so many training samples all of them are compared with one another, unless landmarks are asked for."""
LANDMARKS = 500
CONCENTRATED = 0.02
"""Where values spread by less, telling them apart would take more than 1 / CONCENTRATED² = 2,500 shots each."""
_AMPLITUDES = 2**21


class KernelModule(SupportModule):
    """A support vector machine with a quantum kernel. ``support`` holds inputs; their states are computed anew.

    Args:
        feature_map: prepares the states.
        name: which kernel of them.
        n_classes: number of logits.
    """

    def __init__(self, feature_map: FeatureMap, name: KernelName, n_classes: int) -> None:
        super().__init__(feature_map.n_qubits, n_classes)
        self.feature_map = feature_map
        self.name = name

    def kernel(self, scaled: Tensor) -> Tensor:
        """Kernel values (batch, n_support)."""
        return self.between(scaled, self.support)

    def between(self, one: Tensor, other: Tensor) -> Tensor:
        """Kernel values (n, m) of scaled inputs (n, n_qubits) and (m, n_qubits)."""
        rows = max(1, _AMPLITUDES // 2**self.feature_map.n_qubits)
        if self.name == "projected":
            ours, theirs = (in_chunks(self.projections, each, rows) for each in (one, other))
            distances = torch.cdist(ours, theirs, compute_mode="donot_use_mm_for_euclid_dist").square()
            return torch.exp(-self.gamma.to(distances.dtype) * distances / 2)
        pieces = [self.feature_map.states(piece) for piece in torch.split(other, rows)]

        def against_all(piece: Tensor) -> Tensor:
            states = self.feature_map.states(piece)
            return torch.cat([fidelities(states, each) for each in pieces], 1)

        return in_chunks(against_all, one, rows)

    def projections(self, scaled: Tensor) -> Tensor:
        """⟨X⟩, ⟨Y⟩, ⟨Z⟩ of each qubit, (batch, 3 n_qubits)."""
        return single_qubit_expectations(self.feature_map.states(scaled))


@final
@dataclass(kw_only=True, eq=False)
class QuantumKernel(Head):
    """A support vector machine whose kernel compares the states that a circuit prepares from two inputs.

    * ``fidelity``: |⟨ψ(x)|ψ(x')⟩|².
    * ``projected``: exp(-gamma Σ_q ‖ρ_q(x) - ρ_q(x')‖²), ρ_q the density matrix of qubit q alone, from ⟨X⟩, ⟨Y⟩, ⟨Z⟩.

    All states are computed in one batch, and all overlaps as one product of matrices; no backend is asked. Of more
    than 2,000 training samples, 500 are landmarks (Nyström): the kernel is replaced by
    K(x, L) K(L, L)⁺ K(L, x'), so time and memory grow with n and not with n². It warns where the kernel concentrates:
    all samples look equally unlike, which nothing learns from and no device could measure.

    **Source:** fidelity: Havlíček and others, Supervised learning with quantum-enhanced feature spaces, 2019
    (arXiv:1804.11326); projected: Huang and others, Power of data in quantum machine learning, 2021 (arXiv:2011.01938),
    the kernel of one-particle density matrices; concentration: Thanasilp, Wang, Cerezo, Holmes, Exponential
    concentration in quantum kernel methods, 2022 (arXiv:2208.11060); Nyström: Williams and Seeger, 2000.
    **Differs from the source:** exact simulation instead of sampled overlaps; inputs are standardised and multiplied by
    ``scale``, on which it depends how much the kernel concentrates.
    """

    summary = "support vector machine with a fidelity or projected quantum kernel, simulated, fitted in one step"
    source = "arXiv:1804.11326"
    capabilities = HeadCapabilities(interface=1, fitted=True)

    n_qubits: Annotated[int, Field(ge=1, le=14, description="number of qubits, and of inputs")] = 8
    kernel: Annotated[
        KernelName, Field(description="fidelity: overlap of two states; projected: of their single qubits")
    ] = "fidelity"
    feature_map: Annotated[
        FeatureMapName, Field(description="iqp: phases x_i, x_i x_j; zz: 2 x_i, 2 (π - x_i)(π - x_j); angle: RY(x_i)")
    ] = "iqp"
    n_repeats: Annotated[int, Field(ge=1, le=20, description="repetitions of the feature map; angle has one")] = 2
    scale: Annotated[float, Field(gt=0, description="radians per unit of input")] = 0.25
    c: Annotated[float, Field(gt=0, description="how much an error on the training part costs")] = 1.0
    gamma: Annotated[
        float | None,
        Field(gt=0, description="of the projected kernel; unset: 1 / (n_qubits · mean squared distance of a qubit)"),
    ] = None
    landmarks: Annotated[
        int | None,
        Field(ge=1, description="compare with so many training samples; unset: all up to 2,000, else 500 of them"),
    ] = None
    standardise: Annotated[bool, Field(description="bring every input to mean 0 and deviation 1 first")] = True

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits
        self._fitted: KernelModule | None = None

    def fit(self, training: TrainingPart) -> None:
        """Finds the support vectors.

        Raises:
            NotSupported: the training part holds one class only.
        """
        inputs, labels = numbers(training)
        present = classes_of(labels, "quantum-kernel")
        mean, spread = standardisation(inputs, self.standardise)
        scaled = torch.from_numpy((inputs - mean) / spread)
        module = self._module(training.n_classes).double()
        state = module.state_dict() | {"mean": torch.from_numpy(mean), "spread": torch.from_numpy(spread)}
        state["gamma"] = module.gamma = self._gamma(module, scaled)
        state["present"] = torch.isin(torch.arange(training.n_classes), torch.from_numpy(present))
        several = self._landmarks(len(scaled))
        if several is None:
            gram = module.between(scaled, scaled)
            machine = SVC(C=self.c, kernel="precomputed", decision_function_shape="ovr").fit(gram.numpy(), labels)
            dual, intercept = pairwise(machine, present, training.n_classes)
            state |= {"support": scaled[torch.from_numpy(machine.support_).long()], "dual": torch.from_numpy(dual)}
            compared = gram
        else:
            chosen = torch.randperm(len(scaled), generator=torch.Generator().manual_seed(training.seed))[:several]
            marks = scaled[chosen.sort().values]
            root = _inverse_root(module.between(marks, marks))
            compared = module.between(scaled, marks) @ root
            machine = SVC(C=self.c, kernel="linear", decision_function_shape="ovr").fit(compared.numpy(), labels)
            dual, intercept = pairwise(machine, present, training.n_classes)
            weights = torch.from_numpy(dual @ machine.support_vectors_)
            state |= {"support": marks, "dual": weights @ root.T}
        state["intercept"] = torch.from_numpy(intercept)
        state["sharpness"] = torch.tensor(sharpness(machine, compared.numpy(), labels))
        _warn_if_concentrated(self.kernel, module, scaled)
        self._fitted = self._module(training.n_classes)
        self._fitted.load_state_dict(state)

    def build(self, n_inputs: int, n_classes: int) -> KernelModule:
        """A module (batch, n_inputs) → logits (batch, n_classes); before ``fit`` it gives NaN.

        Raises:
            NotSupported: another number of inputs than of qubits, or other sizes than it was fitted for.
        """
        if n_inputs != self.n_qubits:
            raise NotSupported(
                f"quantum-kernel takes {self.n_qubits} inputs, one per qubit, but {n_inputs} were given. "
                f"Set --set head.n_qubits={n_inputs} or another reducer."
            )
        return built("quantum-kernel", self._module(n_classes), self._fitted)

    def _module(self, n_classes: int) -> KernelModule:
        feature_map = FeatureMap(self.feature_map, self.n_qubits, self.n_repeats, self.scale)
        return KernelModule(feature_map, self.kernel, n_classes)

    def _gamma(self, module: KernelModule, scaled: Tensor) -> Tensor:
        if self.gamma is not None or self.kernel == "fidelity":
            return torch.tensor(self.gamma or 1.0, dtype=torch.float64)
        # Two independent draws differ by twice the variance, and half of each square counts.
        squared = float(module.projections(scaled[:EXACT]).var(0).sum())
        return torch.tensor(1 / squared if squared > 0 else 1.0, dtype=torch.float64)

    def _landmarks(self, n_samples: int) -> int | None:
        if self.landmarks is not None:
            return min(self.landmarks, n_samples)
        return None if n_samples <= EXACT else LANDMARKS


def _inverse_root(gram: Tensor) -> Tensor:
    """A matrix R with R Rᵀ the pseudo-inverse of a symmetric one."""
    values, vectors = torch.linalg.eigh(gram)
    kept = values > 1e-10 * values.max()
    root: Tensor = vectors[:, kept] / values[kept].sqrt()
    return root


def _warn_if_concentrated(name: KernelName, module: KernelModule, scaled: Tensor) -> None:
    """Warns where what is compared hardly differs from sample to sample."""
    some = scaled[:LANDMARKS]
    if name == "fidelity":
        values = module.between(some, some)[~torch.eye(len(some), dtype=torch.bool)]
        what, spread = f"overlaps of different samples are {float(values.mean()):.2g}", float(values.std())
    else:
        what, spread = "expectation values of single qubits", float(module.projections(some).std(0).mean())
    if len(some) > 1 and spread < CONCENTRATED:
        warnings.warn(
            f"quantum-kernel: the {name} kernel is concentrated: {what}, with a spread of {spread:.2g}; below "
            f"{CONCENTRATED} samples are hardly told apart. Use a smaller scale or fewer qubits: "
            f"--set head.scale={module.feature_map.scale / 4:.2g}",
            stacklevel=3,
        )
