"""What the window has done beside it: generators that touch neither layers nor Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.models.registry import DEFAULT_MODEL, load_steps, require_promptable
from napari_vlseg.models.video import VideoSegmenter
from napari_vlseg.prompts import PromptTable, ReferencePrompt
from napari_vlseg.proposals import PostProcess, Proposals
from napari_vlseg.ui.editing.composed import Target, Written
from napari_vlseg.ui.garbage import leave_out_what_there_is
from napari_vlseg.ui.image_choice import Snapshot
from napari_vlseg.ui.native import import_triton_apart
from napari_vlseg.ui.remote import address_of, load_remote
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propose import rethreshold
from napari_vlseg.workflow.refine import check_instances, propose_refined

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


@dataclass(frozen=True)
class ModelSettings:
    """Which model to run, and how.

    Attributes
    ----------
    name : str
        A registered name, or a folder.
    device, precision : str
        See `napari_vlseg.models.registry.load`; the device may be the address of a scheduler
        or the file that it wrote, too.
    working_scale : float or None
        Image pixels per model pixel; None lets the model choose.
    edges : bool or None
        Whether objects follow the edges of the image; None lets the model choose.
    offline : bool or None
        True never uses the network; None follows the environment.
    """

    name: str = DEFAULT_MODEL
    device: str = "auto"
    precision: str = "auto"
    working_scale: float | None = None
    edges: bool | None = None
    offline: bool | None = None

    @property
    def load_key(self) -> tuple[str, str, str]:
        """Settings with equal keys run the same loaded model."""
        return self.name, self.device, self.precision


ModelLoader = Callable[[ModelSettings], Work[DenseSegmenter]]
ClickModelLoader = Callable[[ModelSettings], Work[PromptableSegmenter]]
VideoModelLoader = Callable[[ModelSettings], Work[VideoSegmenter]]


def load_by_registry(settings: ModelSettings) -> Work[Any]:
    """Load a model through the registry: here, or on the cluster that the device names."""
    yield Progress("loading the model", 0, 0)
    import_triton_apart()
    address = address_of(settings.device)
    if address is not None:
        return (yield from load_remote(settings, address))
    model = yield from load_steps(
        settings.name,
        device=settings.device,
        precision=settings.precision,
        offline=settings.offline,
    )
    leave_out_what_there_is()
    return model


class ModelSource(Protocol[M_co]):
    """Gives the model of some settings."""

    def peek(self, settings: ModelSettings) -> M_co | None:
        """The model, if it is loaded."""
        ...

    def get(self, settings: ModelSettings) -> Work[M_co]:
        """The model, loaded where it has to be."""
        ...


class LoadedModel(Generic[M]):
    """Keeps the last model, so that it is loaded once."""

    def __init__(self, load: Callable[[ModelSettings], Work[M]]) -> None:
        self._load = load
        self._kept: tuple[tuple[str, str, str], M] | None = None

    def peek(self, settings: ModelSettings) -> M | None:
        """The model, if it is loaded, and its cluster is there where it is on one."""
        if self._kept is not None and self._kept[0] == settings.load_key:
            model = self._kept[1]
            return None if getattr(model, "is_lost", False) else model
        return None

    def get(self, settings: ModelSettings) -> Work[M]:
        """The model, loaded where it has to be."""
        model = self.peek(settings)
        if model is None:
            model = yield from self._load(settings)
            self.let_go()
            self._kept = (settings.load_key, model)
        return model

    def let_go(self) -> None:
        """Keep no model, and leave the cluster that it is on."""
        kept, self._kept = self._kept, None
        cluster = None if kept is None else getattr(kept[1], "cluster", None)
        if cluster is not None:
            cluster.close()


@dataclass(frozen=True, eq=False)
class Outliner:
    """The click model that draws the outlines of what is found."""

    models: LoadedModel[Any]
    settings: ModelSettings

    def load(self) -> Work[PromptableSegmenter]:
        """The model, loaded where it has to be."""
        return require_promptable((yield from self.models.get(self.settings)))


def segment_job(
    models: ModelSource[DenseSegmenter],
    settings: ModelSettings,
    snapshot: Snapshot,
    prompts: PromptTable,
    postprocess: PostProcess,
    cache: EmbeddingCache,
    target: Target,
    outliner: Outliner | None = None,
) -> Work[Written]:
    """Load the model, segment a plane and put the result on the labels that are there."""
    if outliner is not None:
        check_instances(postprocess.mode)
    model = yield from models.get(settings)
    if snapshot.whole is not None:
        yield from snapshot.whole.look()
    plane = snapshot.plane()
    proposals = yield from propose_refined(
        model,
        plane,
        prompts,
        outliner=None if outliner is None else (yield from outliner.load()),
        postprocess=postprocess,
        working_scale=settings.working_scale,
        edges=settings.edges,
        cache=cache,
    )
    yield Progress("drawing labels", 0, 0)
    return target.compose(proposals)


def settle_job(
    proposals: Proposals,
    thresholds: Mapping[str, float],
    shown: tuple[str, ...],
    postprocess: PostProcess,
    target: Target,
) -> Work[Written]:
    """Make labels anew from the kept probabilities; classes not in `shown` get none."""
    yield Progress("drawing labels", 0, 0)
    hidden = [index for index, name in enumerate(proposals.classes) if name not in shown]
    seen = proposals
    if hidden:
        probabilities = proposals.probabilities.copy()
        probabilities[hidden] = -1  # below every threshold
        seen = replace(proposals, probabilities=probabilities)
    made = rethreshold(seen, thresholds, postprocess)
    yield Progress("drawing labels", 0, 0)
    return target.compose(replace(made, probabilities=proposals.probabilities))


def compose_job(proposals: Proposals, target: Target) -> Work[Written]:
    """Put proposals on a plane anew."""
    yield Progress("drawing labels", 0, 0)
    return target.compose(proposals)


def reference_job(snapshot: Snapshot, mask: np.ndarray, source: str) -> Work[ReferencePrompt]:
    """Cut a reference out of a plane."""
    yield Progress("taking the reference", 0, 0)
    plane = snapshot.plane()
    return ReferencePrompt.from_region(plane, mask, source)
