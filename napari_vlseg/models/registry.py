"""Models by name: bundled, from the hub, from third parties, or any local folder.

Nothing here imports torch: a model is loaded by its specification's loader, on demand.

Third parties add models through the entry-point group ``napari_vlseg.models``. An entry
point names a `ModelSpec`, or a function without arguments that returns one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Event, Notice, Progress, Work, run
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.models.spec import (
    BUILT_IN,
    DEFAULT_CLICK_MODEL,
    DEFAULT_MODEL,
    LoadRequest,
    ModelSpec,
    bundled_folder,
    suggested_click_model,
)

if TYPE_CHECKING:
    from napari_vlseg.models.spec import AnyModel
    from napari_vlseg.models.video import VideoSegmenter

ENTRY_POINT_GROUP = "napari_vlseg.models"

_WITH_MEMORY = ("sam2.1-", "edgetam")
"""Beginnings of the names of models on the hub whose checkpoints have a memory."""

__all__ = [
    "BUILT_IN",
    "DEFAULT_CLICK_MODEL",
    "DEFAULT_MODEL",
    "ENTRY_POINT_GROUP",
    "LoadRequest",
    "ModelSpec",
    "discover",
    "has_video_memory",
    "load",
    "load_steps",
    "load_video_steps",
    "require_dense",
    "specs",
    "suggested_click_model",
]


def discover() -> tuple[tuple[ModelSpec, ...], tuple[Notice, ...]]:
    """All models, and what went wrong with those of third parties.

    Returns
    -------
    tuple of ModelSpec
        The package's own first.
    tuple of Notice
        One for each entry point that can't be used; the others work on.

    Raises
    ------
    ModelError
        If two models have one name.
    """
    found, notices = list(BUILT_IN), []
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        try:
            found.append(_spec_of(entry))
        except Exception as error:  # noqa: BLE001 - a stranger's code may fail in any way
            notices.append(
                Notice(
                    f"The model “{entry.name}” of {_package(entry)} can't be used "
                    f"({type(error).__name__}: {error}): update or remove that package."
                )
            )
    names = [spec.name for spec in found]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(
                f"Two models are named “{name}”: remove one of the packages that add models."
            )
    return tuple(found), tuple(notices)


def specs(task: Literal["text", "clicks"] = "text") -> tuple[ModelSpec, ...]:
    """All models that can be used for a task, see `discover`."""
    return tuple(spec for spec in discover()[0] if spec.task == task)


def load(
    name_or_path: str = DEFAULT_MODEL,
    *,
    device: str = "auto",
    precision: str = "auto",
    offline: bool | None = None,
    on_event: Callable[[Event], Any] | None = None,
) -> Any:
    """Load a model.

    Parameters
    ----------
    name_or_path : str
        A registered name, a folder with a checkpoint of CLIPSeg or of the SAM family, a
        .pth file of Meta's SAM, MedSAM or micro-sam, or an adapter that fine-tuning wrote.
    device : str
        "auto", "cpu", "mps", "cuda" or "cuda:N".
    precision : str
        "auto", "float32", "bfloat16" or "float16".
    offline : bool, optional
        True never uses the network; None follows ``HF_HUB_OFFLINE``.
    on_event : callable, optional
        Called with the progress of downloading and loading, and with notices.

    Returns
    -------
    DenseSegmenter or PromptableSegmenter
        The latter for models that take clicks and boxes.

    Raises
    ------
    ModelError
        If the name is unknown (the message lists the valid ones), or the model is absent,
        broken, unsafe to load or does not fit the device.
    """
    steps = load_steps(name_or_path, device=device, precision=precision, offline=offline)
    return run(steps, on_event)


def load_steps(
    name_or_path: str = DEFAULT_MODEL,
    *,
    device: str = "auto",
    precision: str = "auto",
    offline: bool | None = None,
) -> Work[Any]:
    """`load` as a generator of events."""
    request = LoadRequest(device, precision, offline)
    known, notices = discover()
    yield from notices
    by_name = {spec.name: spec for spec in known}
    spec = by_name.get(str(name_or_path))
    if spec is None:
        return (yield from _load_folder(str(name_or_path), tuple(by_name), request))
    return (yield from (spec.loader or _load_builtin)(spec, request))


def require_dense(model: AnyModel) -> DenseSegmenter:
    """The model itself, if it takes text and references.

    Raises
    ------
    ModelError
        If it takes clicks and boxes only.
    """
    if not isinstance(model, DenseSegmenter):
        raise ModelError(
            f"The model “{model.info.name}” takes clicks and boxes, not text or references: "
            f"choose {', '.join(spec.name for spec in specs())}."
        )
    return model


def require_promptable(model: AnyModel) -> PromptableSegmenter:
    """The model itself, if it takes clicks and boxes.

    Raises
    ------
    ModelError
        If it takes text and references only.
    """
    if not isinstance(model, PromptableSegmenter):
        raise ModelError(
            f"The model “{model.info.name}” takes text and references, not clicks: "
            f"choose {', '.join(spec.name for spec in specs('clicks'))}."
        )
    return model


def has_video_memory(name_or_path: str) -> bool:
    """Whether a model can follow objects by a memory of the planes before.

    Parameters
    ----------
    name_or_path : str
        See `load`. Names of models that are not on this machine are judged by their kind.
    """
    spec = next((spec for spec in discover()[0] if spec.name == name_or_path), None)
    if spec is not None:
        return spec.source == "hub" and spec.name.startswith(_WITH_MEMORY)
    from napari_vlseg.models.preprocessing import model_type
    from napari_vlseg.models.sam_families import VIDEO_CLASSES

    folder = Path(name_or_path).expanduser()
    return folder.is_dir() and model_type(folder) in VIDEO_CLASSES


def load_video_steps(
    name_or_path: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    offline: bool | None = None,
) -> Work[VideoSegmenter]:
    """Load the part of a click model that follows objects by its memory.

    Parameters
    ----------
    name_or_path : str
        Of a model that `has_video_memory`; image and video part are one checkpoint.
    device, precision, offline
        See `load`.

    Yields
    ------
    Progress or Notice

    Raises
    ------
    ModelError
        If the model has no memory, or can't be loaded.
    """
    from napari_vlseg.models.sam_video import load_sam_video

    request = LoadRequest(device, precision, offline)
    spec = next((spec for spec in discover()[0] if spec.name == name_or_path), None)
    if spec is not None and has_video_memory(name_or_path):
        folder, revision = yield from _builtin_folder(spec, request)
    else:
        folder, revision = Path(name_or_path).expanduser(), ""
    yield Progress(f"loading {name_or_path}", 0, 1)
    model = load_sam_video(
        folder, name_or_path, revision=revision, device=device, precision=precision
    )
    yield Progress(f"loading {name_or_path}", 1, 1)
    return model


def _load_builtin(spec: ModelSpec, request: LoadRequest) -> Work[AnyModel]:
    folder, revision = yield from _builtin_folder(spec, request)
    yield Progress(f"loading {spec.name}", 0, 1)
    if spec.task == "clicks":
        model: AnyModel = _load_sam(folder, spec.name, revision, request)
    else:
        from napari_vlseg.models.clipseg import ClipSegDefaults
        from napari_vlseg.models.weights import load_clipseg

        model = load_clipseg(
            folder,
            spec.name,
            revision=revision,
            device=request.device,
            precision=request.precision,
            defaults=ClipSegDefaults(spec.default_threshold, spec.default_scale),
        )
    yield Progress(f"loading {spec.name}", 1, 1)
    return model


def _load_sam(folder: Path, name: str, revision: str, request: LoadRequest) -> PromptableSegmenter:
    from napari_vlseg.models.sam_weights import load_sam

    return load_sam(
        folder, name, revision=revision, device=request.device, precision=request.precision
    )


def _builtin_folder(spec: ModelSpec, request: LoadRequest) -> Work[tuple[Path, str]]:
    """Folder and revision; the revision of a bundled model is its weights' hash."""
    if spec.source == "bundled":
        if not spec.is_present():
            raise ModelError(
                f"The bundled model {spec.name} is missing from this installation: "
                "install napari-vlseg again."
            )
        return bundled_folder(spec.name), ""
    from napari_vlseg.models.hub import HubRepository, fetch_steps

    # A snapshot's folder is named by its commit.
    folder = yield from fetch_steps(HubRepository(spec.repo_id), request.offline)
    return folder, folder.name


def _load_folder(path: str, names: tuple[str, ...], request: LoadRequest) -> Work[AnyModel]:
    folder = Path(path).expanduser()
    if folder.is_file():
        return (yield from _load_file(folder, request))
    if not folder.is_dir():
        raise ModelError(
            f"There is no model “{path}”: choose {', '.join(names)}, or a folder that holds "
            "a CLIPSeg model or one of the SAM family, a .pth file of SAM, or an adapter."
        )
    from napari_vlseg.models.preprocessing import model_type
    from napari_vlseg.models.sam_families import FAMILIES

    yield Progress(f"loading {folder.name}", 0, 1)
    if model_type(folder) in FAMILIES:
        model: AnyModel = _load_sam(folder, path, "", request)
    else:
        from napari_vlseg.models.weights import load_clipseg

        model = load_clipseg(folder, path, device=request.device, precision=request.precision)
    yield Progress(f"loading {folder.name}", 1, 1)
    return model


def _load_file(path: Path, request: LoadRequest) -> Work[AnyModel]:
    from napari_vlseg.models.adapters import is_adapter
    from napari_vlseg.models.segment_anything_weights import load_segment_anything

    if is_adapter(path):
        return (yield from _load_adapted(path, request))

    yield Progress(f"loading {path.name}", 0, 1)
    model = load_segment_anything(
        path, str(path), device=request.device, precision=request.precision
    )
    yield Progress(f"loading {path.name}", 1, 1)
    return model


def _load_adapted(path: Path, request: LoadRequest) -> Work[AnyModel]:
    """The base model of an adapter, as fine-tuning left it."""
    from napari_vlseg.models.adapters import TakesAdapters, read_adapter

    adapter = read_adapter(path)
    base = yield from load_steps(
        adapter.base.name,
        device=request.device,
        precision=request.precision,
        offline=request.offline,
    )
    if not isinstance(base, TakesAdapters):
        raise ModelError(
            f"“{path}” belongs to {adapter.base.name}, which takes no adapters: choose another."
        )
    return base.with_adapter(adapter)


def _spec_of(entry: EntryPoint) -> ModelSpec:
    target = entry.load()
    spec = target() if callable(target) else target
    if not isinstance(spec, ModelSpec):
        raise TypeError(f"it gives {type(spec).__name__} instead of a ModelSpec")
    if spec.loader is None:
        raise TypeError("its ModelSpec has no loader")
    return spec


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown package"
