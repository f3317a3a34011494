"""Remote backends: devices that are sent work once and answer later, perhaps to another process."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces.backend import Backend, BackendCapabilities

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from qplug.contract.circuit import Circuit


@dataclass(frozen=True, kw_only=True)
class RemoteCapabilities(BackendCapabilities):
    """What a remote backend declares.

    Attributes:
        max_rows: the most rows of angles, over all circuits, that one unit of work may hold.
        max_shots: the most shots of a row.
        modes: how work can be sent, such as ``job`` and ``batch``; the first is the default.
    """

    remote: bool = True
    exact: bool = False
    max_rows: int = 10_000
    max_shots: int = 100_000
    modes: tuple[str, ...] = ("job",)


@dataclass(frozen=True)
class Task:
    """One circuit and the angles that it is run with.

    Attributes:
        circuit: the circuit.
        encoding: (row, circuit.n_encoding), radians, float64.
        weights: (circuit.n_weights,), radians, float64.
    """

    circuit: Circuit
    encoding: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Work:
    """What is sent at once.

    Attributes:
        tasks: circuits with their angles.
        shots: of each row.
        tag: names this work and no other; work that was sent can be found again by it.
        max_seconds: time of the device after which it is to stop; None: the device's own limit.
    """

    tasks: tuple[Task, ...]
    shots: int
    tag: str = ""
    max_seconds: float | None = None


@dataclass(frozen=True)
class Forecast:
    """What work would cost.

    Attributes:
        executions: circuits × rows × shots.
        seconds: time of the device.
        note: how the number comes about, for people.
        left_seconds: what the account has left; None if that is not known.
        facts: of the device and the compiled circuits, as JSON can hold them.
    """

    executions: int
    seconds: float
    note: str = ""
    left_seconds: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Values:
    """What came back.

    Attributes:
        expectations: of each task, (row, n_observables) in [-1, 1].
        usage_seconds: time of the device that was charged; None if that is not told.
        raw: what the device gave, such as counts, by name; kept to be analysed again.
        facts: as ``Forecast.facts``, as they were when it ran.
    """

    expectations: tuple[NDArray[np.float64], ...]
    usage_seconds: float | None = None
    raw: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NotYet:
    """The work is not done; ``status`` says how far it is, for people."""

    status: str


@dataclass(frozen=True)
class Failed:
    """The work will never be done: why and what to do, and whether the same work may succeed if it is sent again."""

    reason: str
    retry: bool


class RemoteBackend(Backend):
    """Sends work to a device and fetches the values later; nothing waits inside.

    Each method may raise a ``UserError`` for what the user has to mend, such as a wrong token, and another
    ``QplugError`` for what may pass, such as a lost connection. No secret stands in a message or a handle.
    """

    capabilities: RemoteCapabilities

    @abstractmethod
    def check(self) -> None:
        """Refuses, before anything is trained, what could not be sent later: no account, no such device.

        Raises:
            UserError: with what to do.
        """

    @abstractmethod
    def forecast(self, work: Work) -> Forecast:
        """What the work would cost. Nothing is sent; more rows or more shots never cost less."""

    @abstractmethod
    def submit(self, work: Work) -> str:
        """Sends the work, once, and gives a handle, one line by which any other process finds it again."""

    @abstractmethod
    def find(self, work: Work) -> str | None:
        """The handle of work with this tag that was sent before; None if none was."""

    @abstractmethod
    def collect(self, handle: str) -> Values | NotYet | Failed:
        """The values of sent work, if they are there; asking again gives them again."""

    @abstractmethod
    def cancel(self, handle: str) -> None:
        """Stops sent work, as far as the device can; nothing happens to work that is done."""

    def jobs(self, handle: str) -> tuple[str, ...]:
        """The device's own names for the work, to look it up there."""
        return (handle,)

    def stay_with(self, handle: str) -> None:
        """Sends later work to the device that has this one, as far as it is the backend's to choose."""

    def account(self) -> Mapping[str, Any]:
        """What is known of the user's account, by name: its plan, ``left_seconds``; empty where there is none to have.

        Raises:
            UserError: it is needed, and cannot be used; with what to do.
        """
        return {}

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Refuses, always (NotSupported): a model's forward pass never sends anything to a device."""
        raise NotSupported(
            f"{type(self).__name__} is remote: it runs no circuit while somebody waits, and a prediction never sends "
            "anything to a device. Name another backend: qplug list backends"
        )
