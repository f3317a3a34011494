"""What IBM's client raises, in plain words, and without anything secret.

The client's exceptions carry requests with the token in them. None of them is passed on, as a cause or as a context.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import requests

from qplug import installation
from qplug.contract.errors import NotSupported, QplugError, UserError

T = TypeVar("T")

NO_ACCOUNT = (
    "no IBM Quantum account is configured. Make one at https://quantum.cloud.ibm.com, create an API key there, and set "
    "the environment variables QISKIT_IBM_TOKEN (the key) and QISKIT_IBM_INSTANCE (the CRN of your instance), or save "
    "both once with QiskitRuntimeService.save_account(token=…, instance=…). To try the same without an account: "
    "--set backend.fake=FakeTorino"
)
WRONG_TOKEN = (
    "IBM Quantum does not accept the token. Look at QISKIT_IBM_TOKEN, or at the account that was saved: it must be an "
    "API key of https://quantum.cloud.ibm.com that was not deleted."
)
_LOGGERS = (
    "qiskit_ibm_runtime",
    "ibm-cloud-sdk-core",
    "ibm_cloud_sdk_core",
    "ibm_platform_services",
    "urllib3",
    "requests",
)
_HIDDEN = "…"
_NETWORK = (requests.ConnectionError, requests.Timeout, ConnectionError, TimeoutError)


def asked(what: str, call: Callable[..., T], *arguments: object) -> T:
    """What ``call`` gives; what it raises becomes an error of ours, with no trace of the client's own.

    Args:
        what: what was wanted, as a phrase such as "asking for the devices".
        call: a function of IBM's client, or one that uses it.
        arguments: its arguments.

    Raises:
        UserError: what the user has to mend.
        QplugError: what may pass.
    """
    try:
        with quiet():
            return call(*arguments)
    except QplugError as error:
        problem: QplugError = error
    except Exception as error:
        problem = _plain(what, error)
    # Behind the handler, so that nothing of what was raised hangs on to it.
    raise problem


def status_of(error: BaseException) -> int | None:
    """The HTTP status that lies behind an error of the client; -1: there was no answer; None: there is no telling."""
    for one in _chain(error):
        status = getattr(one, "status_code", None)
        if status is None:
            status = getattr(getattr(one, "response", None), "status_code", None)
        if isinstance(status, int) and status != -1:
            return status
        if (
            isinstance(one, requests.ConnectionError | requests.Timeout | ConnectionError | TimeoutError)
            or status == -1
        ):
            return -1
        if found := re.search(r"\b([45]\d\d) (?:Client|Server) Error", str(one)):
            return int(found[1])
        if "Max retries exceeded" in str(one):
            return -1
    return None


def redacted(text: str) -> str:
    """The text without a token in it."""
    for secret in _REDACTING.secrets:
        text = text.replace(secret, _HIDDEN)
    return re.sub(r"(?i)\b(bearer|apikey)([ =:]+)\S+", rf"\1\2{_HIDDEN}", text)


@contextmanager
def quiet() -> Iterator[None]:
    """The client's warnings are for its own users; what is logged on request holds no token."""
    logger = logging.getLogger("qiskit_ibm_runtime")
    level = logger.level
    _guard_logs()
    if logger.getEffectiveLevel() == logging.WARNING:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _plain(what: str, error: Exception) -> QplugError:
    name, said = type(error).__name__, redacted(" ".join(str(error).split()))[:500]
    status = status_of(error)
    if name == "AccountNotFoundError":
        return UserError(NO_ACCOUNT)
    if status == 401 or name == "IBMNotAuthorizedError":
        return UserError(WRONG_TOKEN)
    if status == -1:
        return QplugError(
            f"IBM Quantum cannot be reached ({what}). Look at the network connection; what was sent is not lost, what "
            "was not sent costs nothing."
        )
    if status == 403:
        return UserError(f"IBM Quantum does not allow this account to do that ({what}): {said}")
    if status == 503:
        return QplugError(f"IBM Quantum is in maintenance or overloaded ({what}: status 503). Try again later.")
    if status is not None and (status >= 500 or status == 429):
        return QplugError(f"IBM Quantum failed ({what}: status {status}). Try again later.")
    if name in ("IBMInputValueError", "InvalidAccountError", "CloudResourceNameResolutionError") and "instance" in said:
        return UserError(
            f"IBM Quantum does not know the instance for this token: {said} Set QISKIT_IBM_INSTANCE to the CRN that "
            "https://quantum.cloud.ibm.com/instances shows, or unset it."
        )
    if name == "InvalidAccountError":
        return UserError(
            f"the IBM Quantum account is not configured right: {said} QISKIT_IBM_CHANNEL must be ibm_quantum_platform, "
            "or unset."
        )
    if isinstance(error, ValueError | NotImplementedError) or status in (400, 404, 409, 413, 422):
        return UserError(f"IBM Quantum does not take what was asked ({what}): {name}: {said}")
    return QplugError(f"IBM's client failed ({what}): {name}: {said}")


def without_repeats(client: object) -> None:
    """From now on the client sends a POST once: one that was accepted before its answer was lost would run twice.

    Raises:
        NotSupported: an unknown version of the client.
    """
    session = getattr(client, "_session", None)
    if not isinstance(session, requests.Session):
        raise NotSupported(
            "this version of qiskit-ibm-runtime cannot be kept from sending a job twice. Install one that qplug knows: "
            f"{installation.install('ibm')}"
        )
    from urllib3.util.retry import Retry

    # urllib3's own rule is followed, which repeats what has no effect (GET, PUT, DELETE) and never a POST.
    rule = Retry(total=3, connect=2, backoff_factor=0.2, status_forcelist=(500, 502, 504, 520, 521, 522, 524))
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=rule))
    if getattr(session, "_timeout", None) == (5.0, None):
        session._timeout = (10.0, 120.0)  # type: ignore[attr-defined]  # else a lost connection is waited for without end


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _secrets() -> list[str]:
    found = [os.environ.get("QISKIT_IBM_TOKEN", "")]
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService

        found += [str(account.get("token", "")) for account in QiskitRuntimeService.saved_accounts().values()]
    except Exception:  # an unreadable file holds no secret that could have been read
        return [secret for secret in found if secret]
    return [secret for secret in found if secret]


class _Redacting(logging.Filter):
    """Takes tokens out of what is logged; remembers them, since reading them anew would log something too."""

    secrets: tuple[str, ...] = ()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if (clean := redacted(text)) != text:
            record.msg, record.args = clean, ()
        return True


_REDACTING = _Redacting()


def _guard_logs() -> None:
    _REDACTING.secrets = tuple(_secrets())
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in _LOGGERS:
            logging.getLogger(name).addFilter(_REDACTING)  # adds it once
