"""Qiskit Aer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.interfaces import Backend, BackendCapabilities

from .devices import fake_device
from .programs import ExactProgram, Program, SampledProgram
from .shift import ShiftRule, Slots

DEFAULT_NOISY_SHOTS = 1024


@final
@dataclass(kw_only=True, eq=False)
class Aer(Backend):
    """Qiskit's simulator: exact, with shots, or with the noise of a modelled device.

    A whole batch is one call. Gradients come from the parameter-shift rule, again in one call: two runs per angle and
    sample. Exact values have them always; sampled values only if asked for, for they are as noisy as the values.

    **Source:** noise models: Qiskit Aer's ``NoiseModel.from_backend``: depolarising and thermal relaxation errors of
    every gate, and readout errors, from a day's calibration.
    **Differs from the source:** only the qubits that the transpiled circuit uses are simulated, with their noise.
    """

    summary = "Qiskit Aer: exact, shots, or the noise of a modelled IBM device"
    source = "https://qiskit.github.io/qiskit-aer"
    capabilities = BackendCapabilities(interface=1, gradient="shift", max_qubits=26)

    shots: Annotated[
        int | None, Field(ge=1, le=10_000_000, description="shots per sample; unset: exact, or 1024 with noise")
    ] = None
    noise: Annotated[str | None, Field(description="a modelled device, such as FakeTorino; unset: no noise")] = None
    gradient: Annotated[
        Literal["auto", "none", "shift"],
        Field(description="shift: parameter-shift rule; auto: shift where values are exact, else none"),
    ] = "auto"
    seed: Annotated[int, Field(ge=0, description="of the shots")] = 0

    def __post_init__(self) -> None:
        self._device: Any = None
        self._programs: dict[Circuit, Program] = {}
        exact = self.shots is None and self.noise is None
        shifts = self.gradient == "shift" or (self.gradient == "auto" and exact)
        self.capabilities = BackendCapabilities(
            interface=1,
            exact=exact,
            noise=self.noise is not None,
            gradient="shift" if shifts else None,
            max_qubits=26,
        )

    def __getstate__(self) -> dict[str, Any]:
        # Programs hold simulators; a copy compiles its own.
        return {**self.__dict__, "_device": None, "_programs": {}}

    def accept(self, circuit: Circuit) -> None:
        """Refuses a circuit with more qubits than Aer, or than the modelled device, has.

        Raises:
            NotSupported: too many qubits.
            UnknownName: no device of that name is modelled.
            NotInstalled: a modelled device without IBM's client.
        """
        if self.noise is not None:
            n_qubits = min(self._modelled().num_qubits, 26)
            self.capabilities = BackendCapabilities(
                interface=1, exact=False, noise=True, gradient=self.capabilities.gradient, max_qubits=n_qubits
            )
        super().accept(circuit)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Expectation values (batch, n_observables)."""
        if circuit not in self._programs:
            self._programs[circuit] = self._compiled(circuit)
        run = self._programs[circuit].run
        slots = Slots.of(circuit)
        if self.capabilities.gradient is None:
            values = run(slots.values(_numbers(encoding), _numbers(weights)))
            return torch.as_tensor(values).to(encoding.dtype)
        differentiable: Tensor = ShiftRule.apply(encoding, weights, slots, run)  # type: ignore[no-untyped-call]
        return differentiable

    def _compiled(self, circuit: Circuit) -> Program:
        if self.capabilities.exact:
            return ExactProgram(circuit)
        device = None if self.noise is None else self._modelled()
        return SampledProgram(circuit, self.shots or DEFAULT_NOISY_SHOTS, self.seed, device)

    def _modelled(self) -> Any:
        if self._device is None and self.noise is not None:
            self._device = fake_device(self.noise)
        return self._device


def _numbers(tensor: Tensor) -> Any:
    return np.asarray(tensor.detach().double().numpy())
