"""What is known about a model before it is loaded, and the models of the package itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_vlseg.events import Work
    from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter

    AnyModel = DenseSegmenter | PromptableSegmenter

DEFAULT_MODEL = "vlseg-mini"
DEFAULT_CLICK_MODEL = "sam-mini"

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
        Kinds of prompts it takes: "text", "reference", "click", "box".
    licence : str
        SPDX identifier of the weights' licence.
    size_mb : float
        Size of the files, in megabytes.
    source : {"bundled", "hub", "plugin"}
    repo_id : str
        ``owner/name`` on the hub.
    task : {"text", "clicks"}
        "text" for a `DenseSegmenter`, "clicks" for a `PromptableSegmenter`.
    default_scale : float or None
        Image pixels per model pixel; None is chosen from the size of each image.
    default_threshold : float
        Probability from which a pixel belongs to a class.
    loader : callable or None
        ``loader(spec, request)``: a generator of events that returns a `DenseSegmenter` or
        a `PromptableSegmenter`. None for checkpoints that the package loads itself: CLIPSeg
        for text, the SAM family for clicks.
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
    task: Literal["text", "clicks"] = "text"
    default_scale: float | None = None
    default_threshold: float = 0.5
    loader: Callable[[ModelSpec, LoadRequest], Work[AnyModel]] | None = field(
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


def _clicks(name: str, title: str, size_mb: float, repo_id: str) -> ModelSpec:
    return ModelSpec(
        name,
        title,
        ("click", "box"),
        "Apache-2.0",
        size_mb,
        "hub",
        repo_id=repo_id,
        task="clicks",
    )


def _sam_family() -> tuple[ModelSpec, ...]:
    """Published models for clicks; sizes in MB."""
    sam = (("base", 375.0), ("large", 1249.0), ("huge", 2564.0))
    sam_hq = (("base", 379.0), ("large", 1253.0), ("huge", 2570.0))
    sam_2 = (("tiny", 156.0), ("small", 184.0), ("base-plus", 323.0), ("large", 898.0))
    return (
        *(
            _clicks(f"sam2.1-hiera-{n}", f"SAM 2.1, {n}", mb, f"facebook/sam2.1-hiera-{n}")
            for n, mb in sam_2
        ),
        *(_clicks(f"sam-vit-{n}", f"SAM, {n}", mb, f"facebook/sam-vit-{n}") for n, mb in sam),
        *(
            _clicks(
                f"sam-hq-vit-{n}",
                f"SAM-HQ, {n}, finer edges",
                mb,
                f"syscv-community/sam-hq-vit-{n}",
            )
            for n, mb in sam_hq
        ),
        _clicks("edgetam", "EdgeTAM, quick; needs the package timm", 56.0, "yonigozlan/EdgeTAM-hf"),
    )


BUILT_IN = (
    ModelSpec(
        DEFAULT_MODEL,
        "Small CLIPSeg for microscopy, part of this package",
        ("text", "reference"),
        "BSD-3-Clause",
        7.5,
        "bundled",
        default_threshold=0.45,
        default_scale=1.0,
    ),
    ModelSpec(
        DEFAULT_CLICK_MODEL,
        "Small SAM for microscopy, part of this package",
        ("click", "box"),
        "BSD-3-Clause",
        7.1,
        "bundled",
        task="clicks",
    ),
    _clipseg("clipseg-rd64-refined", "CLIPSeg, 64 channels, finer edges", 605.0),
    _clipseg("clipseg-rd64", "CLIPSeg, 64 channels", 605.0),
    _clipseg("clipseg-rd16", "CLIPSeg, 16 channels", 602.0),
    *_sam_family(),
)
"""The models of the package itself."""


_CLICK_MODELS = {"cpu": DEFAULT_CLICK_MODEL, "mps": "sam2.1-hiera-small"}
_GPU_CLICK_MODEL = "sam2.1-hiera-base-plus"


def suggested_click_model(device: str = "auto") -> str:
    """Name of the click model for a device: small and fast on a CPU, larger on a GPU.

    Parameters
    ----------
    device : str
        "auto", "cpu", "mps", "cuda" or "cuda:N".

    Raises
    ------
    ModelError
        If this machine has no such device.
    """
    from napari_vlseg.models.devices import choose_device

    return _CLICK_MODELS.get(choose_device(device).type, _GPU_CLICK_MODEL)


def bundled_folder(name: str) -> Path:
    """Folder of a model that came with the package."""
    return Path(str(resources.files("napari_vlseg.models"))) / "bundled" / name
