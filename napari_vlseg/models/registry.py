"""Models by name: bundled, from the hub, from third parties, or any local folder.

Nothing here imports torch: a model is loaded by its specification's loader, on demand.

Third parties add models through the entry-point group ``napari_vlseg.models``. An entry
point names a `ModelSpec`, or a function without arguments that returns one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Event, Notice, Work, run
from napari_vlseg.models.base import DenseSegmenter

ENTRY_POINT_GROUP = "napari_vlseg.models"
DEFAULT_MODEL = "vlseg-mini"

# Its authors report PhraseCut at thresholds of 0.3 and of 0.5 (experiments/phrasecut.yaml of
# timojl/clipseg, and table 1 of arXiv 2112.10003); this lies between the two.
_CLIPSEG_THRESHOLD = 0.4


@dataclass(frozen=True)
class LoadRequest:
    """How to load a model.

    Attributes
    ----------
    device, precision : str
        See `napari_vlseg.models.devices`.
    offline : bool or None
        True never uses the network; None follows ``HF_HUB_OFFLINE``.
    """

    device: str = "auto"
    precision: str = "auto"
    offline: bool | None = None


@dataclass(frozen=True)
class ModelSpec:
    """What is known about a model before it is loaded.

    Attributes
    ----------
    name : str
        Unique; what a person types.
    title : str
        One line for people.
    prompts : tuple of str
        Kinds of prompts it takes: "text", "reference".
    licence : str
        SPDX identifier of the weights' licence.
    size_mb : float
        Size of the files, in megabytes.
    source : {"bundled", "hub", "plugin"}
    repo_id : str
        ``owner/name`` on the hub.
    default_scale : float or None
        Image pixels per model pixel; None is chosen from the size of each image.
    default_threshold : float
        Probability from which a pixel belongs to a class.
    loader : callable or None
        ``loader(spec, request)``: a generator of events that returns a `DenseSegmenter`.
        None for CLIPSeg checkpoints, which the package loads itself.
    present : callable or None
        Whether a plugin's model is on this machine; None means yes.
    """

    name: str
    title: str
    prompts: tuple[str, ...]
    licence: str
    size_mb: float
    source: Literal["bundled", "hub", "plugin"] = "plugin"
    repo_id: str = ""
    default_scale: float | None = None
    default_threshold: float = 0.5
    loader: Callable[[ModelSpec, LoadRequest], Work[DenseSegmenter]] | None = field(
        default=None, repr=False
    )
    present: Callable[[], bool] | None = field(default=None, repr=False)

    def is_present(self) -> bool:
        """Whether it can be loaded without the network."""
        if self.source == "bundled":
            return (bundled_folder(self.name) / "config.json").is_file()
        if self.source == "hub":
            from napari_vlseg.models.hub import HubRepository, cached_folder

            return cached_folder(HubRepository(self.repo_id)) is not None
        return self.present is None or self.present()


def _clipseg(name: str, title: str, size_mb: float) -> ModelSpec:
    return ModelSpec(
        name,
        title,
        ("text", "reference"),
        "Apache-2.0",
        size_mb,
        "hub",
        repo_id=f"CIDAS/{name}",
        default_threshold=_CLIPSEG_THRESHOLD,
    )


BUILT_IN = (
    ModelSpec(
        DEFAULT_MODEL,
        "Small CLIPSeg for microscopy, part of this package",
        ("text", "reference"),
        "BSD-3-Clause",
        7.5,
        "bundled",
        default_scale=1.0,
    ),
    _clipseg("clipseg-rd64-refined", "CLIPSeg, 64 channels, finer edges", 605.0),
    _clipseg("clipseg-rd64", "CLIPSeg, 64 channels", 605.0),
    _clipseg("clipseg-rd16", "CLIPSeg, 16 channels", 602.0),
)
"""The models of the package itself."""


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


def specs() -> tuple[ModelSpec, ...]:
    """All models that can be used, see `discover`."""
    return discover()[0]


def load(
    name_or_path: str = DEFAULT_MODEL,
    *,
    device: str = "auto",
    precision: str = "auto",
    offline: bool | None = None,
    on_event: Callable[[Event], Any] | None = None,
) -> DenseSegmenter:
    """Load a model.

    Parameters
    ----------
    name_or_path : str
        A registered name, or a folder with a CLIPSeg checkpoint.
    device : str
        "auto", "cpu", "mps", "cuda" or "cuda:N".
    precision : str
        "auto", "float32", "bfloat16" or "float16".
    offline : bool, optional
        True never uses the network; None follows ``HF_HUB_OFFLINE``.
    on_event : callable, optional
        Called with download progress and notices.

    Returns
    -------
    DenseSegmenter

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
) -> Work[DenseSegmenter]:
    """`load` as a generator of download progress and notices."""
    request = LoadRequest(device, precision, offline)
    known, notices = discover()
    yield from notices
    by_name = {spec.name: spec for spec in known}
    spec = by_name.get(str(name_or_path))
    if spec is None:
        return _load_folder(str(name_or_path), tuple(by_name), request)
    return (yield from (spec.loader or _load_builtin)(spec, request))


def bundled_folder(name: str) -> Path:
    """Folder of a model that came with the package."""
    return Path(str(resources.files("napari_vlseg.models"))) / "bundled" / name


def _load_builtin(spec: ModelSpec, request: LoadRequest) -> Work[DenseSegmenter]:
    from napari_vlseg.models.clipseg import ClipSegDefaults
    from napari_vlseg.models.weights import load_clipseg

    folder, revision = yield from _builtin_folder(spec, request)
    return load_clipseg(
        folder,
        spec.name,
        revision=revision,
        device=request.device,
        precision=request.precision,
        defaults=ClipSegDefaults(spec.default_threshold, spec.default_scale),
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


def _load_folder(path: str, names: tuple[str, ...], request: LoadRequest) -> DenseSegmenter:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise ModelError(
            f"There is no model “{path}”: choose {', '.join(names)}, or a folder that holds "
            "a CLIPSeg model."
        )
    from napari_vlseg.models.weights import load_clipseg

    return load_clipseg(folder, path, device=request.device, precision=request.precision)


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
