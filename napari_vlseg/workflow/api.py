"""The Python face: a model by name, and one call from an image to proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from napari_vlseg.errors import ImageError, PromptError
from napari_vlseg.events import Event, run
from napari_vlseg.images import ImageView, extract_plane, leading_axes
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.models.registry import (
    DEFAULT_CLICK_MODEL,
    DEFAULT_MODEL,
    load,
    require_dense,
    require_promptable,
)
from napari_vlseg.prompts import TEMPLATES, PromptTable, ReferencePrompt
from napari_vlseg.proposals import PostProcess, Proposals
from napari_vlseg.visual_prompts import VisualPromptSettings
from napari_vlseg.workflow import everything
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.everything import EverythingSettings
from napari_vlseg.workflow.refine import propose_refined

if TYPE_CHECKING:
    from napari_vlseg.models.spec import AnyModel

Region = np.ndarray | Sequence[float]
ReferenceLike = ReferencePrompt | tuple[np.ndarray, Region]


@overload
def load_model(
    name: Literal["sam-mini"], device: str = "auto", **options: Any
) -> PromptableSegmenter: ...


@overload
def load_model(
    name: str = DEFAULT_MODEL, device: str = "auto", **options: Any
) -> DenseSegmenter: ...


def load_model(
    name: str = DEFAULT_MODEL, device: str = "auto", **options: Any
) -> DenseSegmenter | PromptableSegmenter:
    """Load a model by name or from a folder.

    Parameters
    ----------
    name : str
        A name that ``napari-vlseg models`` lists, or the path of a local folder.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps".
    **options
        See `napari_vlseg.models.registry.load`: precision, offline, on_event.

    Returns
    -------
    DenseSegmenter or PromptableSegmenter
        The former takes text and references; the latter, such as "sam-mini", clicks and boxes.

    Raises
    ------
    ModelError
        If the model is unknown, absent, corrupt or unsafe to load.
    """
    return load(name, device=device, **options)


def segment(
    image: np.ndarray,
    text: str | Iterable[str] | Mapping[str, str | Iterable[str]] | None = None,
    references: Mapping[str, Iterable[ReferenceLike]] | None = None,
    *,
    mix: float = 0.5,
    model: str | DenseSegmenter = DEFAULT_MODEL,
    device: str = "auto",
    threshold: float | None = None,
    templates: Sequence[str] = TEMPLATES["plain"],
    visual: VisualPromptSettings | None = None,
    mode: Literal["instances", "semantic"] = "instances",
    postprocess: PostProcess | None = None,
    working_scale: float | None = None,
    edges: bool | None = None,
    refine: str | PromptableSegmenter | None = None,
    view: ImageView | None = None,
    index: Sequence[int] = (),
    cache: EmbeddingCache | None = None,
    on_event: Callable[[Event], Any] | None = None,
) -> Proposals:
    """Find objects in an image by text, by reference regions, or by both.

    Parameters
    ----------
    image : array-like
        Any image that napari shows: (H, W), (H, W, 3 or 4) or with leading axes, of bool,
        integer or float type. Where there are leading axes, `index` says which plane.
    text : str, iterable of str or mapping, optional
        ``"nuclei"``, ``"class=phrase,phrase;-negative"`` or
        ``{"class": ["phrase", "-negative"]}``.
    references : mapping, optional
        ``{"class": [(image, region), …]}``; a region is a mask (H, W) or a box
        ``(row0, col0, row1, col1)`` in pixels, the end excluded.
    mix : float
        ``a`` in ``x = a·s + (1 − a)·t`` where a class has both: 0 is text, 1 references.
    model : str or DenseSegmenter
        Name, folder, or a model from `load_model`.
    device : str
        See `load_model`; not used where `model` is loaded already.
    threshold : float, optional
        Probability in [0, 1]; None takes the model's default.
    templates : sequence of str
        Each holds ``{}`` for the phrase.
    visual : VisualPromptSettings, optional
        How the surroundings of references are cropped, dimmed and blurred.
    mode : {"instances", "semantic"}
        One label per object, or per class. Not used where `postprocess` is given.
    postprocess : PostProcess, optional
    working_scale : float, optional
        Image pixels per model pixel; None chooses.
    edges : bool, optional
        Whether the probabilities follow the edges of the image; None leaves it to the model.
    refine : str or PromptableSegmenter, optional
        A click model, such as "sam-mini", that draws the outline of each object that was
        found, and tells apart objects that touch.
    view : ImageView, optional
        Channels, colours and contrast. None takes a last axis of 3 or 4 as RGB(A).
    index : sequence of int
        Position on each leading axis.
    cache : EmbeddingCache, optional
        Keeps the encoded plane for the next call.
    on_event : callable, optional
        Called with each `Progress` and `Notice`.

    Returns
    -------
    Proposals
        ``.labels`` (H, W) int32, ``.probabilities`` (n_classes, H, W) float32 in the order of
        ``.classes``, ``.objects`` with one row per label, and the columns
        `napari_vlseg.proposals.OUTLINE_COLUMNS` where `refine` is given.

    Raises
    ------
    ImageError, PromptError, ModelError, SettingsError

    Examples
    --------
    >>> from napari_vlseg.samples import load_sample
    >>> image, _ = load_sample("fluorescence")
    >>> result = segment(image, text="nuclei")
    >>> result.classes
    ('nuclei',)
    """
    table = PromptTable.build(
        text,
        as_references(references),
        mix=mix,
        threshold=threshold,
        templates=templates,
        visual=visual,
    )
    plane = _plane(image, view, index)
    work = propose_refined(
        require_dense(loaded(model, device)),
        plane,
        table,
        outliner=None if refine is None else require_promptable(loaded(refine, device)),
        postprocess=postprocess or PostProcess(mode=mode),
        working_scale=working_scale,
        edges=edges,
        cache=cache,
    )
    return run(work, on_event)


def segment_everything(
    image: np.ndarray,
    *,
    model: str | PromptableSegmenter = DEFAULT_CLICK_MODEL,
    device: str = "auto",
    settings: EverythingSettings | None = None,
    view: ImageView | None = None,
    index: Sequence[int] = (),
    cache: EmbeddingCache | None = None,
    on_event: Callable[[Event], Any] | None = None,
) -> Proposals:
    """Outline every object of an image without a prompt, for review.

    Parameters
    ----------
    image : array-like
        As in `segment`.
    model : str or PromptableSegmenter
        A click model, by name, folder or from `load_model`.
    device : str
        See `load_model`; not used where `model` is loaded already.
    settings : EverythingSettings, optional
        Grid of points, and what counts as an object.
    view, index, cache, on_event
        As in `segment`.

    Returns
    -------
    Proposals
        Of the class "object". ``.probabilities`` hold the IoU that the model predicts for the
        object of each pixel.

    Raises
    ------
    ImageError, ModelError, SettingsError
    """
    plane = _plane(image, view, index)
    segmenter = require_promptable(loaded(model, device))
    work = everything.segment_everything(segmenter, plane, cache=cache, settings=settings)
    return run(work, on_event)


def as_reference(reference: ReferenceLike) -> ReferencePrompt:
    """Turn ``(image, mask)`` or ``(image, box)`` into a `ReferencePrompt`.

    Raises
    ------
    PromptError
        If the region is neither a mask of the image's shape nor a box inside it.
    """
    if isinstance(reference, ReferencePrompt):
        return reference
    image, region = reference
    plane = _plane(image, None, ())
    array = np.asarray(region)
    if array.ndim == 1:
        array = _box_mask(array, plane.shape[:2])
    return ReferencePrompt.from_region(plane, array)


def as_references(
    references: Mapping[str, Iterable[ReferenceLike]] | None,
) -> dict[str, list[ReferencePrompt]]:
    """`as_reference` for the references of each class."""
    given = references or {}
    return {name: [as_reference(ref) for ref in refs] for name, refs in given.items()}


def default_view(image: np.ndarray) -> ImageView:
    """RGB where the last of three or more axes has 3 or 4 entries, else grayscale."""
    shape = np.shape(image)
    return ImageView(rgb=len(shape) >= 3 and shape[-1] in (3, 4))


def _plane(image: np.ndarray, view: ImageView | None, index: Sequence[int]) -> np.ndarray:
    view = view or default_view(image)
    leading = leading_axes(image, view)
    if len(index) != len(leading):
        raise ImageError(
            f"The image has shape {np.shape(image)}, so a plane is chosen by {len(leading)} "
            f"number(s) but index has {len(index)}: give index=(…), one per leading axis."
        )
    return extract_plane(image, index, view)


def _box_mask(box: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if box.shape != (4,):
        raise PromptError(
            f"A reference box has four numbers (row0, col0, row1, col1) but this has {box.size}."
        )
    row0, col0, row1, col1 = (round(float(v)) for v in box)
    mask = np.zeros(shape, bool)
    mask[max(row0, 0) : max(row1, 0), max(col0, 0) : max(col1, 0)] = True
    if not mask.any():
        raise PromptError(
            f"The reference box ({row0}, {col0}, {row1}, {col1}) holds no pixel of the image "
            f"of shape {shape}: give (row0, col0, row1, col1) inside it."
        )
    return mask


def loaded(model: str | AnyModel, device: str) -> AnyModel:
    """A model that is given by name, or itself."""
    return _load_once(model, device) if isinstance(model, str) else model


@lru_cache(maxsize=4)
def _load_once(name: str, device: str) -> AnyModel:
    """A loop over images with a model's name loads it once."""
    return load(name, device=device)
