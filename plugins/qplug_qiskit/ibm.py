"""IBM Quantum: real devices, and models of them on this machine."""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, final

from pydantic import Field

from qplug import installation
from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotInstalled, NotSupported
from qplug.contract.interfaces import Failed, Forecast, NotYet, RemoteBackend, RemoteCapabilities, Task, Values, Work

from .devices import fake_device
from .ibm_account import Account
from .ibm_circuits import Compiled, compile_for
from .ibm_errors import asked
from .ibm_jobs import Sender, allowed_seconds, cancel_jobs, collect_jobs, device_of, sent_jobs
from .ibm_keeping import Keeping
from .ibm_local import Modelled
from .ibm_primitives import Generation, Mitigation, newest_generation
from .ibm_results import read_results
from .ibm_work import EXECUTION_SECONDS, JOB_SECONDS, Handle, Kind, Part, Portion, Shape, bases_of, parts_of, shapes_of
from .shift import Rows

_LOCAL = "local-"


@final
@dataclass(kw_only=True, eq=False)
class Ibm(RemoteBackend):
    """Runs circuits on IBM's quantum computers, through IBM's own client.

    A whole evaluation is one job with one PUB for each circuit: circuits are compiled once, the angles of all samples
    go along as numbers. Read-outs that are products of Z go to a sampler, whose counts are kept; others to an
    estimator.

    The account is that of the environment variables QISKIT_IBM_TOKEN, QISKIT_IBM_INSTANCE, QISKIT_IBM_URL and
    QISKIT_IBM_CHANNEL, else the one that was saved with IBM's client. With ``fake`` nothing leaves this machine: a
    model of a device, reduced to the qubits in use, is simulated with its noise, and costs nothing.

    **Source:** IBM's job cost, 2 s and 0.35 ms for each execution, is a rule of thumb of its documentation.
    **Differs from the source:** a circuit whose schedule takes longer than that is forecast with its schedule.
    """

    summary = "IBM's quantum computers, or a model of one: one job for a whole evaluation"
    source = "https://quantum.cloud.ibm.com/docs"
    capabilities = RemoteCapabilities(
        interface=1,
        gradient=None,
        hardware=True,
        noise=True,
        needs_network=True,
        modes=("job", "batch", "session"),
    )

    device: Annotated[
        str | None, Field(description="a device's name, such as ibm_torino; unset: the least busy one of the account")
    ] = None
    fake: Annotated[
        str | None, Field(description="a modelled device, such as FakeTorino, in place of a real one; costs nothing")
    ] = None
    mode: Annotated[
        Literal["job", "batch", "session"],
        Field(
            description="job: on its own, several as a batch; session: the device is held until the last job is done, "
            "and all that time is charged, waiting included; the Open Plan has no sessions"
        ),
    ] = "job"
    primitive: Annotated[
        Literal["auto", "sampler", "estimator"],
        Field(description="auto: a sampler where only Z is measured and no readout mitigation is asked for"),
    ] = "auto"
    resilience_level: Annotated[
        int | None, Field(ge=0, le=2, description="of estimators; unset: 1 on a device, 0 on a modelled one")
    ] = None
    twirling: Annotated[
        bool | None, Field(description="of gates and measurements; unset: as the resilience level has it")
    ] = None
    decoupling: Annotated[
        Literal["none", "XX", "XpXm", "XY4"],
        Field(description="dynamical decoupling; a modelled device has no errors of waiting, so it is left out there"),
    ] = "none"
    readout_mitigation: Annotated[
        bool | None, Field(description="of estimators; unset: as the resilience level has it")
    ] = None
    layout_seeds: Annotated[
        int, Field(ge=1, le=100, description="layouts that are compared for each circuit by their predicted fidelity")
    ] = 10
    generation: Annotated[
        Literal["auto", "executor", "v2"],
        Field(description="IBM's primitives: executor since 0.50 of the client, v2 before; auto: by its version"),
    ] = "auto"
    seed: Annotated[int, Field(ge=0, description="of a modelled device's shots")] = 0
    folder: Annotated[
        str, Field(description="where results of modelled devices are kept; unset: in qplug's cache folder")
    ] = ""

    def __post_init__(self) -> None:
        self._forget()
        if self.fake is not None:
            # Nothing is looked up here: a name that no device has is refused by check and accept.
            self.capabilities = RemoteCapabilities(
                interface=1, gradient=None, noise=True, modes=("job", "batch", "session")
            )

    def __getstate__(self) -> dict[str, Any]:
        # Connections and compiled circuits stay with the process; a copy makes its own.
        hidden: dict[str, Any] = {"_account": None, "_chosen": None, "_compiled": {}}
        return {**self.__dict__, **hidden}

    def _forget(self) -> None:
        self._account: Account | None = None
        self._chosen: Any = None
        self._compiled: dict[tuple[Circuit, Kind], Compiled] = {}

    # What is asked before anything is sent

    def accept(self, circuit: Circuit) -> None:
        """Refuses a circuit that does not fit onto the modelled device; for real ones ``check`` and ``forecast`` do.

        Raises:
            NotSupported: it has too many qubits.
            UnknownName: no device of that name is modelled.
        """
        if self.fake is not None:
            self._device(circuit.n_qubits)
        super().accept(circuit)

    def check(self) -> None:
        """Refuses what could not be sent: no account, a wrong token, no such device or one that rests, no allowance.

        Raises:
            UserError: with what to do.
            QplugError: the service cannot be reached.
        """
        _require_client()
        self._device(1)
        if self.fake is None:
            self._connected().left_seconds()

    def forecast(self, work: Work) -> Forecast:
        """Seconds by IBM's rule, and what the account has left."""
        compiled = self._all_compiled(work)
        parts = parts_of(self._shapes(work), work.shots)
        executions = sum(
            self._rows(task, one) * bases_of(task.circuit) for task, one in zip(work.tasks, compiled, strict=True)
        )
        seconds = sum(self._seconds(part, work, compiled) for part in parts)
        left = None if self.fake is not None else self._connected().left_seconds()
        jobs = "a job" if len(parts) == 1 else f"each of {len(parts)} jobs"
        note = f"{JOB_SECONDS:g} s for {jobs} and {EXECUTION_SECONDS * 1000:g} ms for each execution"
        if self.fake is not None:
            note = f"fake device {self.fake}: nothing is charged; a device would take {note}"
        return Forecast(executions * work.shots, seconds, note, left, self._facts(work, compiled))

    # Sending and fetching

    def submit(self, work: Work) -> str:
        """Sends what of the work was not sent yet, as one job if the limits allow."""
        shapes = self._shapes(work)
        parts = parts_of(shapes, work.shots)
        sent = {} if self.fake is not None else self._begun(work)
        compiled = self._all_compiled(work)
        facts = self._facts(work, compiled)
        if self.fake is not None:
            return self._simulated(work, compiled, shapes, parts, facts)
        sender = Sender(self._connected(), self._chosen, self._generation(), self.mode)
        whole = sum(self._seconds(part, work, compiled) for part in parts)
        pubs, options = [], []
        for part in parts:
            pubs.append([compiled[each.task].pub(*_angles(work, each)) for each in part.portions])
            seconds = allowed_seconds(work.max_seconds, self._seconds(part, work, compiled) / whole)
            limit = {} if seconds is None else {"max_execution_time": seconds}
            options.append({**self._options(part, work), **limit})
        self._keeping().keep_facts(work.tag, facts)
        jobs = sender.send(parts, pubs, options, work.tag, sent)
        self._connected().usage = None  # it will be another
        return str(Handle(tuple(jobs), str(self._chosen.name), work.shots, shapes, work.tag))

    def find(self, work: Work) -> str | None:
        """The handle of work that was sent whole; what was sent in part is completed by ``submit``."""
        shapes = self._shapes(work)
        if self.fake is not None:
            return self._local_handle(work, shapes) if work.tag and self._keeping().has_values(work.tag) else None
        jobs = sent_jobs(self._connected(), work.tag)
        numbers = range(len(parts_of(shapes, work.shots)))
        if any(number not in jobs for number in numbers):
            return None
        found = tuple(jobs[number] for number in numbers)
        return str(Handle(found, device_of(self._connected(), found[0]), work.shots, shapes, work.tag))

    def collect(self, handle: str) -> Values | NotYet | Failed:
        """What came of sent work."""
        sent = Handle.read(handle)
        if sent.jobs[0].startswith(_LOCAL):
            values = self._keeping().values(sent.tag)
            gone = f"its result is not in {self._keeping().folder} any more."
            return Failed(gone, retry=True) if values is None else values
        return collect_jobs(self._connected(), sent, self._keeping().facts(sent.tag))

    def cancel(self, handle: str) -> None:
        """Cancels what is not done; a modelled device is done as soon as work is sent."""
        sent = Handle.read(handle)
        if not sent.jobs[0].startswith(_LOCAL):
            cancel_jobs(self._connected(), sent)

    def jobs(self, handle: str) -> tuple[str, ...]:
        """The job ids."""
        return Handle.read(handle).jobs

    def stay_with(self, handle: str) -> None:
        """Later work goes to the device of this one, also where another is less busy by now."""
        if self.fake is None and (self._chosen is None or self._chosen.name != Handle.read(handle).device):
            self._chosen = self._connected().device(Handle.read(handle).device, 1, begun=True)
            self._compiled.clear()

    def account(self) -> dict[str, Any]:
        """The account's plan and what is left of its allowance, where the service tells.

        Raises:
            UserError: there is no account, or it is not accepted, or nothing is left.
            QplugError: the service cannot be reached.
        """
        account = self._connected()
        left = account.left_seconds(again=True)
        return {"plan": account.plan(), "left_seconds": left}

    # The device and its circuits

    def _connected(self) -> Account:
        if self._account is None:
            _require_client()
            self._account = Account.connect()
        return self._account

    def _device(self, n_qubits: int) -> Any:
        if self._chosen is None or self._chosen.num_qubits < n_qubits:
            if self.fake is not None:
                self._chosen = self._chosen or fake_device(self.fake)
            else:
                self._chosen = self._connected().device(self.device, n_qubits)
            self._compiled.clear()
        if self._chosen.num_qubits < n_qubits:
            raise NotSupported(
                f"the circuit has {n_qubits} qubits, but {self.fake} has {self._chosen.num_qubits}. Choose fewer "
                "qubits (--set head.n_qubits=…) or a larger device: --set backend.fake=FakeTorino"
            )
        return self._chosen

    def _begun(self, work: Work) -> dict[int, str]:
        """The jobs of this work that the service has already; what is missing runs where they run."""
        sent = sent_jobs(self._connected(), work.tag)
        if sent:
            name = device_of(self._connected(), next(iter(sent.values())))
            n_qubits = max(task.circuit.n_qubits for task in work.tasks)
            if self._device(n_qubits).name != name:
                self._chosen = self._connected().device(name, n_qubits, begun=True)
                self._compiled.clear()
        return sent

    def _all_compiled(self, work: Work) -> list[Compiled]:
        device = self._device(max(task.circuit.n_qubits for task in work.tasks))
        return [self._compile(task.circuit, device) for task in work.tasks]

    def _compile(self, circuit: Circuit, device: Any) -> Compiled:
        kind, modelled = self._kind(circuit), self.fake is not None
        if (circuit, kind) not in self._compiled:
            self._compiled[circuit, kind] = asked(
                "compiling the circuit", compile_for, circuit, kind, device, self.layout_seeds, modelled
            )
        return self._compiled[circuit, kind]

    def _kind(self, circuit: Circuit) -> Kind:
        only_z = all(set(each.paulis) == {"Z"} for each in circuit.observables)
        mitigated = bool(self.readout_mitigation) or bool(self.resilience_level)
        if self.primitive == "sampler" and bases_of(circuit) > 1:
            raise NotSupported(
                f"a sampler measures in one basis, and this circuit's read-out needs {bases_of(circuit)}. "
                "Take an estimator: --set backend.primitive=estimator"
            )
        if self.primitive != "auto":
            return self.primitive
        return "sampler" if only_z and not mitigated else "estimator"

    def _shapes(self, work: Work) -> tuple[Shape, ...]:
        return shapes_of(work, [self._kind(task.circuit) for task in work.tasks])

    def _rows(self, task: Task, compiled: Compiled) -> int:
        return len(task.encoding) if compiled.parameters else min(1, len(task.encoding))

    def _seconds(self, part: Part, work: Work, compiled: list[Compiled]) -> float:
        seconds = JOB_SECONDS
        for portion in part.portions:
            one = compiled[portion.task]
            duration = one.facts["duration_seconds"]
            delay = getattr(self._chosen, "default_rep_delay", None) or 0.0
            each = max(EXECUTION_SECONDS, 0.0 if duration is None else duration + delay)
            rows = portion.stop - portion.start if one.parameters else 1
            seconds += each * self._mitigation().executions(one.kind, rows * bases_of(one.source), work.shots)
        return seconds

    def _mitigation(self) -> Mitigation:
        level = self.resilience_level
        if level is None:
            level = 0 if self.fake is not None else 1
        decoupling = "none" if self.fake is not None else self.decoupling
        return Mitigation(level, self.twirling, decoupling, self.readout_mitigation)

    def _options(self, part: Part, work: Work) -> dict[str, Any]:
        return {**self._mitigation().options(part.kind), "default_shots": work.shots}

    def _generation(self) -> Generation:
        return newest_generation() if self.generation == "auto" else self.generation

    def _keeping(self) -> Keeping:
        return Keeping.at(self.folder)

    def _facts(self, work: Work, compiled: list[Compiled]) -> dict[str, Any]:
        circuits = [dict(one.facts) for one in compiled]
        calibrated = _calibrated(self._chosen)
        mitigation = self._mitigation()
        return {
            "device": self._label(),
            "fake": self.fake is not None,
            "device_qubits": self._chosen.num_qubits,
            "calibration_date": None if calibrated is None else calibrated.isoformat(),
            "client": f"qiskit-ibm-runtime {_client_version()}",
            "generation": self._generation(),
            "mode": self.mode,
            "shots": work.shots,
            "resilience_level": mitigation.resilience_level,
            "twirling": mitigation.twirling,
            "decoupling": mitigation.decoupling,
            "readout_mitigation": mitigation.readout,
            "depth": max(each["depth"] for each in circuits),
            "gates": max(each["gates"] for each in circuits),
            "two_qubit_gates": max(each["two_qubit_gates"] for each in circuits),
            "predicted_fidelity": min(each["predicted_fidelity"] for each in circuits),
            "circuits": circuits,
        }

    def _label(self) -> str:
        return str(self._chosen.name) if self.fake is None else f"fake device {type(self._chosen).__name__}"

    # Modelled devices

    def _local_handle(self, work: Work, shapes: tuple[Shape, ...]) -> str:
        parts = parts_of(shapes, work.shots)
        jobs = tuple(f"{_LOCAL}{work.tag}-{number}" for number in range(len(parts)))
        return str(Handle(jobs, f"fake device {type(self._device(1)).__name__}", work.shots, shapes, work.tag))

    def _simulated(
        self, work: Work, compiled: list[Compiled], shapes: tuple[Shape, ...], parts: list[Part], facts: dict[str, Any]
    ) -> str:
        handle = self._local_handle(work, shapes)
        if not self._keeping().has_values(work.tag):
            modelled = Modelled(self._chosen, self._generation(), self.seed)
            results = [
                [modelled.run(compiled[each.task], work.tasks[each.task], each, self._options(part, work))
                 for each in part.portions]
                for part in parts
            ]  # fmt: skip
            expectations, raw = read_results(shapes, parts, results)
            told = {**facts, "job_ids": list(Handle.read(handle).jobs)}
            self._keeping().keep_values(work.tag, Values(expectations, 0.0, raw, told))
        return handle


def _angles(work: Work, portion: Portion) -> tuple[Rows, Rows]:
    task = work.tasks[portion.task]
    return task.encoding[portion.start : portion.stop], task.weights


def _calibrated(device: Any) -> datetime | None:
    try:
        found = asked("asking for the calibration", device.properties).last_update_date
    except Exception:  # a device without properties
        return None
    return found if isinstance(found, datetime) else None


@functools.cache
def _client_version() -> str:
    return importlib.metadata.version("qiskit-ibm-runtime")


def _require_client() -> None:
    from importlib.util import find_spec

    if find_spec("qiskit_ibm_runtime") is None:
        raise NotInstalled(f"the backend 'ibm' needs IBM's client. Install it with: {installation.install('ibm')}")
