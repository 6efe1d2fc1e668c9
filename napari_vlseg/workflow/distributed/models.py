"""Models made ready on a cluster."""

from __future__ import annotations

from napari_vlseg.events import Work
from napari_vlseg.workflow.distributed.cluster import Cluster
from napari_vlseg.workflow.distributed.recipes import ModelRecipe
from napari_vlseg.workflow.distributed.worker import PreparedModel, prepare


def prepare_steps(
    cluster: Cluster, recipe: ModelRecipe, *, threads: int | None = None
) -> Work[PreparedModel]:
    """Have a worker load a model; the others do when they get their first task.

    Parameters
    ----------
    cluster : Cluster
    recipe : ModelRecipe
    threads : int, optional
        Threads that each task computes with. Those of this process if omitted: then answers
        are to the last bit those that this process would give.

    Yields
    ------
    Progress

    Returns
    -------
    PreparedModel

    Raises
    ------
    ModelError
        If the worker can't load it.
    ClusterError
        If the cluster is lost.
    """
    import torch

    return (yield from cluster.ask(prepare, recipe, threads or torch.get_num_threads()))
