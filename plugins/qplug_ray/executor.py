"""The executor ``ray``: machines of a cluster that the user started."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, final

from pydantic import Field

from qplug.contract.interfaces import Cell, Done, Executor, ExecutorCapabilities
from qplug_ray.cluster import connected
from qplug_ray.crew import Crew


@final
@dataclass(kw_only=True, eq=False)
class Ray(Executor):
    """Carries out cells on a cluster of Ray that is there already: of a workstation, of SLURM, of Kubernetes.

    A cell asks for the CPUs of its threads and for its GPUs, and Ray finds it a place. Its process has just as many
    threads as it needs; one that needs more than any machine has gets a machine's CPUs for itself. All machines need
    the same qplug, the same plugins, Python and Ray.
    """

    summary = "a cluster of Ray that you started"
    source = "qplug's own"
    capabilities = ExecutorCapabilities(interface=1, machines="many", gpus=True)

    address: Annotated[
        str, Field(description="HOST:PORT of the cluster's head; auto: RAY_ADDRESS, else this machine's cluster")
    ] = "auto"
    slots: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="how many cells run at once, at most; none: as many as fit")
    ] = None
    per_gpu: Annotated[int, Field(ge=1, le=64, description="how many cells may share a GPU")] = 1
    growing: Annotated[
        bool, Field(description="whether machines may join that have what none has yet, so that cells wait for them")
    ] = False

    def run(self, work: str, cells: Iterable[Cell]) -> Iterator[Done]:
        """See ``Executor.run``; the connection is there as long as the iterator is.

        Raises:
            UserError: there is no such cluster, or it takes orders without a token.
        """
        with connected(self.address) as ray:
            crew = Crew(ray, work, iter(cells), slots=self.slots, per_gpu=self.per_gpu, growing=self.growing)
            yield from crew.run()
