"""The account at IBM Quantum, and the device that is chosen there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from qplug.contract.errors import NotSupported, QplugError, UnknownName, UserError

from .ibm_errors import WRONG_TOKEN, asked, status_of, without_repeats


@dataclass
class Account:
    """The connection to the service, made once."""

    service: Any
    usage: dict[str, Any] | None = field(default=None)

    @classmethod
    def connect(cls) -> Account:
        """The account of the environment variables, else the saved one.

        Raises:
            UserError: there is none, or the service does not accept it.
            QplugError: the service cannot be reached.
        """
        asked("signing in", _sign_in)
        service = asked("signing in", _service)
        return cls(service)

    def device(self, name: str | None, n_qubits: int, *, begun: bool = False) -> Any:
        """The named device, else the least busy of those that work and have so many qubits.

        Args:
            name: of a device.
            n_qubits: of the largest circuit.
            begun: whether this is the rest of work whose beginning ran there, so that no other device can do it.

        Raises:
            UserError: there is none, or it does not take jobs now.
        """
        known = {each.name: each for each in asked("asking for the devices", self.service.backends)}
        if not known:
            asked("asking for the devices", self.service.usage)  # tells why, if the service did not answer
            raise UserError(
                "this IBM Quantum account has no device. Look at its instances: https://quantum.cloud.ibm.com"
            )
        if name is not None:
            return self._named(name, n_qubits, known, begun)
        fitting = {each.name: each for each in known.values() if each.num_qubits >= n_qubits}
        if not fitting:
            most = max(each.num_qubits for each in known.values())
            raise NotSupported(f"the circuit has {n_qubits} qubits, but the largest device of this account has {most}.")
        states = {each: asked("asking for the devices", one.status) for each, one in fitting.items()}
        working = [each for each, state in states.items() if _works(state)]
        if not working:
            told = ", ".join(f"{each} ({_state_words(state)})" for each, state in states.items())
            raise UserError(f"no device of this account takes jobs now: {told}. Try again later.")
        return self._activated(min(working, key=lambda each: (states[each].pending_jobs, each)))

    def _named(self, name: str, n_qubits: int, known: dict[str, Any], begun: bool) -> Any:
        if begun and name not in known:
            raise UserError(
                f"the beginning of this work ran on {name}, which this account does not have any more, and the rest of "
                f"it cannot run elsewhere. {_anew(known)}"
            )
        if name not in known:
            raise UnknownName.of(
                "IBM device of this account",
                name,
                known,
                advice=f"It may be retired: devices are, within a year or two. There is: {', '.join(sorted(known))}. "
                "Without backend.device the least busy one is taken.",
            )
        if known[name].num_qubits < n_qubits:
            raise NotSupported(f"the circuit has {n_qubits} qubits, but {name} has {known[name].num_qubits}.")
        state = asked("asking for the device", known[name].status)
        if not _works(state):
            others = ", ".join(sorted(set(known) - {name}))
            if begun:
                raise UserError(
                    f"{name}, where the beginning of this work ran, takes no jobs now: {_state_words(state)}. Nothing "
                    f"was sent. Try again later. {_anew(set(known) - {name})}"
                )
            raise UserError(
                f"{name} takes no jobs now: {_state_words(state)}. Try again later"
                + (f", or take another: {others} (--set backend.device=…)." if others else ".")
            )
        return self._activated(name)

    def _activated(self, name: str) -> Any:
        # Asking for it by name makes its instance the one whose usage is told.
        return asked("asking for the device", self.service.backend, name)

    def left_seconds(self, *, again: bool = False) -> float | None:
        """What is left of the allowance, where the service tells.

        Raises:
            UserError: nothing is left.
        """
        if self.usage is None or again:
            self.usage = dict(asked("asking for the allowance", self.service.usage))
        left = self.usage.get("usage_remaining_seconds")
        if self.usage.get("usage_limit_reached") or (left is not None and left <= 0):
            consumed = self.usage.get("usage_consumed_seconds")
            limit = self.usage.get("usage_limit_seconds") or self.usage.get("usage_allocation_seconds")
            told = "" if consumed is None or limit is None else f": {consumed:g} of {limit:g} s are spent"
            raise UserError(
                f"the allowance of this IBM Quantum instance is used up{told}. Wait until it is renewed (the Open Plan "
                "counts over 28 days: https://quantum.cloud.ibm.com/instances), take another instance "
                "(QISKIT_IBM_INSTANCE), or a model of a device: --set backend.fake=FakeTorino"
            )
        return None if left is None else float(left)

    def send_once(self) -> None:
        """From now on nothing that costs is sent twice by the client itself."""
        clients = [self.service._active_api_client, *self.service._api_clients.values()]
        for client in clients:
            without_repeats(client)

    def plan(self) -> str | None:
        """The plan of the instance in use, where the service tells."""
        try:
            active = asked("asking for the instances", self.service.active_instance)
            return next(
                (str(each["plan"]) for each in asked("asking for the instances", self.service.instances)
                 if each["crn"] == active and each.get("plan")), None,
            )  # fmt: skip
        except QplugError:
            return None

    def instances(self) -> list[str | None]:
        """The instances that work may have been sent through."""
        found = [each["crn"] for each in asked("asking for the instances", self.service.instances)]
        chosen = self.service.active_account().get("instance")
        return [chosen] if chosen else [*found]


def _sign_in() -> None:
    """Asks for an access token first: where that fails, the client would wait for a minute and blame something else."""
    from qiskit_ibm_runtime.accounts import AccountManager

    account = AccountManager.get().validate()
    try:
        account.get_iam_authentificator().token_manager.request_token()
        return
    except Exception as error:
        refused = status_of(error) in (400, 401, 403)
        if not refused:
            raise
    raise UserError(WRONG_TOKEN)


def _service() -> Any:
    from qiskit_ibm_runtime import QiskitRuntimeService

    return QiskitRuntimeService()


def _anew(names: Collection[str]) -> str:
    """How to begin again where work can only go on where it began."""
    there_are = f" ({', '.join(sorted(names))})" if names else ""
    return (
        f"On another device{there_are} all of it is sent anew: qplug evaluate RUN --backend ibm --set backend.device=…"
    )


def _works(state: Any) -> bool:
    return bool(state.operational) and state.status_msg == "active"


def _state_words(state: Any) -> str:
    message = str(state.status_msg)
    if message == "maintenance":
        return "it is in maintenance"
    return f"it is {message}" if message != "active" else "it does not work"
