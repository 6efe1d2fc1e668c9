"""Where the models of a command run: in this process, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vlseg.cli.reporter import Reporter
from napari_vlseg.errors import SettingsError
from napari_vlseg.models import registry
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.distributed.connecting import (
    ClusterAddress,
    connect_steps,
    is_cluster_address,
)
from napari_vlseg.workflow.plane_tasks import LocalPlanes, PlaneRunner

if TYPE_CHECKING:
    from napari_vlseg.models.spec import AnyModel


@dataclass(frozen=True)
class Device:
    """What the options about the place say.

    Attributes
    ----------
    name : str
        "auto", "cpu", "cuda:1", … or the address of a scheduler.
    offline : bool
    scheduler_file, tls_ca, tls_cert, tls_key : pathlib.Path or None
        See `napari_vlseg.workflow.distributed.connecting.ClusterAddress`.
    """

    name: str = "auto"
    offline: bool = False
    scheduler_file: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def cluster(self) -> ClusterAddress | None:
        """The cluster that is meant; None for this machine.

        Raises
        ------
        SettingsError
            If the options contradict each other.
        """
        address = is_cluster_address(self.name)
        certificates = (self.tls_ca, self.tls_cert, self.tls_key)
        if not address and self.scheduler_file is None:
            if any(certificates):
                raise SettingsError(
                    "Certificates are for a cluster: give --device tls://HOST:PORT or "
                    "--scheduler-file too."
                )
            return None
        if self.scheduler_file is not None and self.name != "auto":
            raise SettingsError("--scheduler-file says where to work: leave out --device.")
        return ClusterAddress(self.name if address else "", self.scheduler_file, *certificates)


@contextmanager
def working_at(
    device: Device, names: Sequence[str], reporter: Reporter, cache: EmbeddingCache | None
) -> Iterator[PlaneRunner]:
    """Models made ready where they are to run.

    Parameters
    ----------
    device : Device
    names : sequence of str
        Of the models that the question is for.
    reporter : Reporter
    cache : EmbeddingCache or None
        Of this machine; a cluster does not use it.

    Yields
    ------
    PlaneRunner

    Raises
    ------
    SettingsError, ModelError, ClusterError
    """
    address = device.cluster
    if address is None:
        models = [load(name, device.name, device.offline, reporter) for name in names]
        yield LocalPlanes(models, cache)
        return
    from napari_vlseg.workflow.distributed.models import prepare_steps
    from napari_vlseg.workflow.distributed.planes import DaskPlanes
    from napari_vlseg.workflow.distributed.recipes import ModelRecipe

    with reporter.run(connect_steps(address)) as cluster:
        recipes = [ModelRecipe.of(name, offline=device.offline or None) for name in names]
        ready = [reporter.run(prepare_steps(cluster, recipe)) for recipe in recipes]
        yield DaskPlanes(cluster, ready)


def load(name: str, device: str, offline: bool, reporter: Reporter) -> AnyModel:
    """Load a model with its progress shown."""
    # None leaves the decision to the environment, which may say offline too.
    return reporter.run(registry.load_steps(name, device=device, offline=offline or None))
