"""The call of `import napari_vlseg` for images that need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from napari_vlseg.events import Event, run
from napari_vlseg.images import ImageView, SourceImage, read_image
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.models.registry import DEFAULT_MODEL, require_dense
from napari_vlseg.prompts import TEMPLATES, PromptTable
from napari_vlseg.proposals import PostProcess
from napari_vlseg.visual_prompts import VisualPromptSettings
from napari_vlseg.workflow.api import ReferenceLike, as_references, default_view, loaded
from napari_vlseg.workflow.blocks import BlockResult, BlockRunner, BlockSource, segment_blocks
from napari_vlseg.workflow.cache import EmbeddingCache


def segment_large(
    image: Any,
    text: str | Iterable[str] | Mapping[str, str | Iterable[str]] | None = None,
    references: Mapping[str, Iterable[ReferenceLike]] | None = None,
    *,
    folder: Path | str,
    planes: Sequence[tuple[int, ...]] | None = None,
    within: tuple[slice, slice] | None = None,
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
    view: ImageView | None = None,
    cache: EmbeddingCache | None = None,
    runner: BlockRunner | None = None,
    skip_empty: bool = True,
    out: Any = None,
    on_event: Callable[[Event], Any] | None = None,
) -> BlockResult:
    """Find objects in a stack, a slide or any other image, block by block.

    What is done stays in `folder`: the same call goes on from there after it was stopped.
    Contrast is that of the whole image or stack.

    Parameters
    ----------
    image : path-like, array-like or SourceImage
        A file that is opened lazily, see `napari_vlseg.images.read_image`; or an array, lazy or
        not: (…, H, W) or (…, H, W, 3 or 4), or as `view` says.
    text, references, mix, model, device, threshold, templates, visual, mode, postprocess
        See `napari_vlseg.segment`.
    folder : path-like
        For probabilities and labels; made where it is missing.
    planes : sequence of tuple of int, optional
        Positions on the leading axes; every plane if omitted.
    within : tuple of slice, optional
        Rows and columns to segment; all if omitted.
    working_scale, edges, cache, runner, skip_empty, out
        See `napari_vlseg.workflow.blocks.segment_blocks`.
    view : ImageView, optional
        Axes, channels, colours and contrast; None takes what the file says.
    on_event : callable, optional
        Called with each `Progress`, `Notice` and `Partial`.

    Returns
    -------
    BlockResult
        ``.labels`` on disk, ``.objects`` with one row per object.

    Raises
    ------
    ImageError, PromptError, ModelError, SettingsError, CacheError

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from napari_vlseg.samples import load_sample
    >>> stack = np.stack([load_sample("fluorescence")[0]] * 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = segment_large(stack, text="nuclei", folder=folder)
    ...     print(result.labels.shape, sorted(set(result.objects["plane"])))
    (2, 256, 256) ['0', '1']
    """
    table = PromptTable.build(
        text,
        as_references(references),
        mix=mix,
        threshold=threshold,
        templates=templates,
        visual=visual,
    )
    work = segment_blocks(
        _source(image, view),
        require_dense(loaded(model, device)),
        table,
        folder=Path(folder),
        planes=planes,
        within=within,
        postprocess=postprocess or PostProcess(mode=mode),
        working_scale=working_scale,
        edges=edges,
        cache=cache,
        runner=runner,
        skip_empty=skip_empty,
        out=out,
    )
    return run(work, on_event)


def _source(image: Any, view: ImageView | None) -> BlockSource:
    if isinstance(image, str | Path):
        image = read_image(image)
    if isinstance(image, SourceImage):
        return BlockSource.of(image, view)
    return BlockSource.of(image, view or default_view(image))
