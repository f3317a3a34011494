"""Classical heads in a circuit's place: the inputs themselves, tanh of the angles, random Fourier features.

Each is a few values and a linear read-out, behind batch norm where the quantum head has it. Encoding angles come from
the inputs by the head's own formulas, so they have its scale; parameters by which a head weighs its inputs are trained.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from qplug.circuits.rewriting import with_joined_uploads
from qplug.circuits.spectrum import accessible_to_each
from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Head, HeadCapabilities, QuantumHead
from qplug.heads.live_parameters import LiveParameters, picked
from qplug.heads.quantum_module import LinearReadout, without_autocast
from qplug.heads.uploads import equal_uploads
from qplug.lab.pipeline.frequencies import draw_frequencies, how_many


class StandIn(Head):
    """A head in the place of a quantum head's circuit. What it puts there, ``values`` says."""

    capabilities = HeadCapabilities(interface=1)

    def __init__(self, head: QuantumHead, called: str) -> None:
        self.head = head
        self.called = called
        self.n_inputs = head.n_inputs

    def check(self, n_inputs: int) -> None:
        """Refuses heads for which there is nothing to put in the circuit's place.

        Raises:
            NotSupported: the message says why.
        """
        self.head.circuit(n_inputs)

    @abstractmethod
    def values(self, circuit: Circuit, n_inputs: int, n_classes: int) -> tuple[nn.Module, int]:
        """A module (batch, n_inputs) → (batch, n_values), and n_values."""

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        """The values, then batch norm where the head has it, and a linear layer.

        Raises:
            NotSupported: as ``check`` does.
        """
        self.check(n_inputs)
        circuit = self.head.circuit(n_inputs)
        values, n_values = self.values(circuit, n_inputs, n_classes)
        readout = LinearReadout(n_values, n_classes, batch_norm=_has_norm(self._readout(circuit, n_classes)))
        return nn.Sequential(values, readout)

    def _readout(self, circuit: Circuit, n_classes: int) -> nn.Module:
        n = len(circuit.observables)
        return self.head.readout(n, n_classes) or LinearReadout(n, n_classes)


class Identity(StandIn):
    """The head's inputs as they are."""

    summary = "a quantum head's inputs in the place of its circuit"

    def values(self, circuit: Circuit, n_inputs: int, n_classes: int) -> tuple[nn.Module, int]:
        """The inputs."""
        return nn.Identity(), n_inputs


class _OfAngles(StandIn):
    """What is made of the encoding angles, each of which counts once however often it is uploaded."""

    def check(self, n_inputs: int) -> None:
        """Refuses circuits without encoding angles."""
        if not self.head.circuit(n_inputs).n_encoding:
            raise NotSupported(
                f"ablation {type(self).__name__.lower()!r} cannot be done to {self.called}: its circuit has no "
                "encoding angles. Choose another ablation, or none."
            )


class Tanh(_OfAngles):
    """Tanh of each encoding angle: as bounded as an expectation value."""

    summary = "tanh of a quantum head's encoding angles in the place of its circuit"

    def values(self, circuit: Circuit, n_inputs: int, n_classes: int) -> tuple[nn.Module, int]:
        """(batch, number of encoding angles that differ)."""
        angles = Angles(self.head, circuit, n_inputs)
        return nn.Sequential(angles, nn.Tanh()), angles.n_angles


class Fourier(_OfAngles):
    """Cosines and sines of random sums of the encoding angles, with frequencies that the circuit can have.

    One frequency after the other is drawn: an observable, and for each encoding angle one of the frequencies that this
    observable can have in it. None is drawn twice, nor with the other sign, nor the constant. There are as many cosines
    and sines as bring the head's trainable parameters nearest to the quantum head's, at least one for each observable,
    and at most as the circuit has frequencies.

    **Source:** J. Landman, S. Thabet, C. Dalyac, H. Mhiri, E. Kashefi, "Classically approximating variational quantum
    machine learning with random Fourier features", 2022 (arXiv:2210.13200).
    **Differs from the source:** frequencies come from one observable at a time, and the features are trained by
    gradients, as the head is.
    """

    summary = "random Fourier features with a circuit's frequencies in its place"

    def check(self, n_inputs: int) -> None:
        """Refuses circuits that see none of their encoding angles."""
        super().check(n_inputs)
        spectra = accessible_to_each(self.head.circuit(n_inputs))
        if all(len(frequencies) == 1 for seen in spectra for frequencies in seen):
            raise NotSupported(
                f"ablation 'fourier' cannot be done to {self.called}: no observable of its circuit can depend on "
                "an encoding angle. Choose another ablation, or none."
            )

    def values(self, circuit: Circuit, n_inputs: int, n_classes: int) -> tuple[nn.Module, int]:
        """(batch, number of features)."""
        angles = Angles(self.head, circuit, n_inputs)
        joined = with_joined_uploads(circuit, angles.uploads)
        readout = self._readout(circuit, n_classes)
        n_wanted = how_many(
            self._parameters(circuit) + _trainable(readout) - _trainable(angles),
            n_classes,
            batch_norm=_has_norm(readout),
            least=len(circuit.observables),
        )
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ()).item()))
        frequencies = draw_frequencies(accessible_to_each(joined.circuit), (n_wanted + 1) // 2, generator)
        n_values = min(n_wanted, 2 * len(frequencies))
        return nn.Sequential(angles, Waves(frequencies, n_values)), n_values

    def _parameters(self, circuit: Circuit) -> int:
        return self.head.initial_parameters(circuit, torch.Generator().manual_seed(0)).numel()


class Angles(nn.Module):
    """Inputs (batch, n_inputs) → the encoding angles that differ (batch, n_angles), in radians.

    Attributes:
        uploads: for each encoding angle of the circuit the first one that is equal.
        angle_parameters: those of the head's parameters on which they depend, if there are any; they are trained.
    """

    angle_parameters: Tensor

    def __init__(self, head: QuantumHead, circuit: Circuit, n_inputs: int) -> None:
        super().__init__()
        self.head = head
        self.uploads = equal_uploads(head, circuit, n_inputs)
        different = sorted(set(self.uploads))
        self.n_angles = len(different)
        self._picked = picked(different, circuit.n_encoding)
        self._live = LiveParameters(head, circuit, n_inputs, different, ())
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ()).item()))
        start = self._live.initial(generator)
        if len(start):
            self.angle_parameters = nn.Parameter(start)
        else:
            self.register_buffer("angle_parameters", start, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """The angles; autocast ends before them, as before a circuit's."""
        if inputs.dtype not in (torch.float32, torch.float64):
            inputs = inputs.float()
        with without_autocast(inputs.device.type):
            return self._picked(self.head.encode(inputs, self._live.all(self.angle_parameters)))


class Waves(nn.Module):
    """Angles (batch, n_angles) → cosine and sine of each sum of them, alternately, as many as are wanted.

    Args:
        frequencies: for each sum the factor of each angle.
        n_values: how many; at most two for each sum.
    """

    frequencies: Tensor

    def __init__(self, frequencies: Sequence[Sequence[float]], n_values: int) -> None:
        super().__init__()
        self.n_values = n_values
        self.register_buffer("frequencies", torch.tensor(frequencies))

    def forward(self, angles: Tensor) -> Tensor:
        """(batch, n_values), in [-1, 1]."""
        sums = angles @ self.frequencies.T.to(angles.dtype)
        return torch.stack([sums.cos(), sums.sin()], 2).flatten(1)[:, : self.n_values]


def _has_norm(readout: nn.Module) -> bool:
    return any(isinstance(module, nn.BatchNorm1d) for module in readout.modules())


def _trainable(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
