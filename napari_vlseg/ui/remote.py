"""Models on a cluster, for a window on a computer that has no GPU of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_vlseg.events import Progress, Work
from napari_vlseg.workflow.distributed.connecting import (
    ClusterAddress,
    connect_steps,
    is_cluster_address,
)

if TYPE_CHECKING:
    from napari_vlseg.models.base import DenseSegmenter
    from napari_vlseg.ui.jobs import ModelSettings
    from napari_vlseg.workflow.blocks.tasks import BlockRunner

_SCHEDULER_FILE = ".json"


def address_of(device: str) -> ClusterAddress | None:
    """The scheduler that a device names: by its address, or by the file it wrote.

    Examples
    --------
    >>> str(address_of("tcp://gpu-box:8786"))
    'tcp://gpu-box:8786'
    >>> address_of("cuda") is None
    True
    """
    if is_cluster_address(device):
        return ClusterAddress(device)
    if device.endswith(_SCHEDULER_FILE):
        return ClusterAddress("", Path(device).expanduser())
    return None


def load_remote(settings: ModelSettings, address: ClusterAddress) -> Work[DenseSegmenter]:
    """Connect to a cluster and have a model made ready there.

    Raises
    ------
    ClusterError
        If there is no scheduler or no worker that can do the work.
    ModelError
        If the model can't be loaded there, or takes clicks alone.
    """
    from napari_vlseg.workflow.distributed.models import prepare_steps
    from napari_vlseg.workflow.distributed.recipes import ModelRecipe
    from napari_vlseg.workflow.distributed.remote import remote_segmenter

    cluster = yield from connect_steps(address)
    try:
        recipe = ModelRecipe.of(
            settings.name, precision=settings.precision, offline=settings.offline
        )
        yield Progress("loading the model on the cluster", 0, 0)
        prepared = yield from prepare_steps(cluster, recipe)
        return remote_segmenter(cluster, prepared)
    except BaseException:
        cluster.close()
        raise


def where_the_model_is(settings: ModelSettings, model: DenseSegmenter) -> BlockRunner | None:
    """What answers the blocks of stacks and large planes: all workers of the model's cluster."""
    from napari_vlseg.workflow.distributed.blocks import DaskRunner
    from napari_vlseg.workflow.distributed.remote import RemoteSegmenter

    if isinstance(model, RemoteSegmenter):
        return DaskRunner(model.cluster, model.prepared)
    return None
