"""A cluster of Ray on this machine's loopback, with a token, whose nodes can be killed and frozen."""

from __future__ import annotations

import functools
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

MINDFUL = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_grpc_client_keepalive_time_ms": "5000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
}
"""What lets a cluster notice in seconds that a machine has fallen silent."""


_START = """
import sys
from ray._private import ray_constants, services
ray_constants.ENABLE_RAY_CLUSTER = True
own = next(word.partition("=")[2] for word in sys.argv if word.startswith("--node-ip-address="))
services.get_node_ip_address = lambda *_: own
services.resolve_ip_for_localhost = lambda host: host
from ray.scripts.scripts import main
main()
"""
"""Ray puts the network card's address in the place of a loopback's, or has one node only."""


_TRIES = 5
"""How often a node is started that does not come up."""


class Node:
    """One ``ray start``, with all processes that it started: they are a session of their own."""

    def __init__(self, words: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._command = [sys.executable, "-c", _START, "start", "--block", *words]
        self._environment = environment
        self._log = log
        for _ in range(_TRIES):
            self._process = self._started()
            if self._is_up():
                return
            self.end()
        raise RuntimeError(f"a node of the cluster does not start: {log.read_text()[-2000:]}")

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as log:
            return subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _is_up(self) -> bool:
        """Waits until it says so, or has ended: Ray gives up after half a minute, which a busy machine may need."""
        while self._process.poll() is None:
            if "Ray runtime started" in self._log.read_text():
                return True
            time.sleep(0.1)
        return False

    def signal(self, number: signal.Signals) -> None:
        """Sends all its processes a signal, at once as far as that goes."""
        for _ in range(3):  # some may have been starting others
            for pid in self.processes():
                with suppress(OSError):
                    os.kill(pid, number)

    def processes(self) -> list[int]:
        """All that belongs to it."""
        names = [path.name for path in Path("/proc").iterdir()]
        return [pid for pid in map(int, filter(str.isdecimal, names)) if self._is_mine(pid)]

    def cpu_seconds(self) -> float:
        """What its processes have computed so far; of those that ended, what their parents know."""
        return sum(map(_cpu_seconds, self.processes()))

    def end(self) -> None:
        """Kills it."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def _is_mine(self, pid: int) -> bool:
        try:
            return os.getsid(pid) == self._process.pid
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@functools.cache
def _token() -> str:
    """One for all clusters of this process, since Ray reads its token once."""
    return secrets.token_hex(24)


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


class Cluster:
    """A head and further nodes, each with so many CPUs.

    Attributes:
        address: of the head.
        environment: with the token, for whoever connects.
        nodes: the head first.
    """

    def __init__(self, folder: Path, *, token: bool = True, path: str = "") -> None:
        self._folder = folder
        self._path = path
        self._port = _free_port()
        self.address = f"127.0.0.1:{self._port}"
        secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _token()}
        self.environment = secret if token else {"RAY_AUTH_MODE": "disabled"}
        self.nodes: list[Node] = []

    def add(self, n_cpus: int) -> Node:
        """One more node; the first is the head."""
        # Each has an address of its own, as machines have: a command then goes through the head, which is on its own.
        own = f"127.0.0.{len(self.nodes) + 1}"
        words = [f"--num-cpus={n_cpus}", f"--node-ip-address={own}", "--object-store-memory=80000000"]
        # Of these ports, nodes of one machine would all take the same.
        words += ["--disable-usage-stats", f"--dashboard-agent-listen-port={_free_port()}"]
        if self.nodes:
            words += [f"--address={self.address}"]
        else:
            words += ["--head", f"--port={self._port}", "--include-dashboard=false", f"--temp-dir={self._folder}"]
        known = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "PYTHONPATH": self._path}
        log = self._folder / f"node-{len(self.nodes)}.log"
        node = Node(words, known | self.environment | MINDFUL | loopback, log)
        self.nodes.append(node)
        return node


@contextmanager
def cluster(*cpus: int, token: bool = True, path: str = "") -> Iterator[Cluster]:
    """A cluster with a node for each number, the first of which is the head; none of it is left afterwards.

    Args:
        cpus: of each node.
        token: whether it wants a token.
        path: a folder whose modules the workers can import.
    """
    with tempfile.TemporaryDirectory(
        prefix="qplug-ray-", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:  # a short path, for sockets
        made = Cluster(Path(folder), token=token, path=path)
        try:
            for n_cpus in cpus:
                made.add(n_cpus)
            yield made
        finally:
            for node in made.nodes:
                node.end()
