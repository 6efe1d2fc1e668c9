"""A folder with a checkpoint of the SAM family → a promptable segmenter."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from napari_vlseg.errors import ModelError
from napari_vlseg.models.devices import choose_device, choose_dtype
from napari_vlseg.models.preprocessing import (
    IMAGENET_COLOURS,
    Preprocessing,
    model_type,
    read_json_object,
)
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.models.sam_families import FAMILIES
from napari_vlseg.models.sam_network import SamNetwork, WindowDisplay
from napari_vlseg.models.weights import (
    CONFIG_FILE,
    DEFAULTS_FILE,
    REVISION_DIGITS,
    Checkpoint,
    load_network,
)
from napari_vlseg.proposals import ModelInfo

_SWITCHES = ("zoom", "local_contrast", "draw_prompts")
_VIEWS = (1, 2, 4)


def load_sam(
    folder: Path,
    name: str,
    *,
    revision: str = "",
    device: str = "auto",
    precision: str = "auto",
) -> SamSegmenter:
    """Load a checkpoint of the SAM family from a folder, without network.

    Parameters
    ----------
    folder : pathlib.Path
    name : str
        Shown to the person and written to results.
    revision : str
        Hub commit; the first digits of the weights' hash if empty.
    device, precision : str
        See `choose_device` and `choose_dtype`.

    Raises
    ------
    ModelError
        If something is missing, corrupt, unsafe or does not fit together, or the device
        does not exist; the message names the remedy.
    """
    place = choose_device(device)
    dtype = choose_dtype(precision, place)
    kind = model_type(folder)
    checkpoint = Checkpoint.find(folder, kind if kind in FAMILIES else "sam")
    check_packages(folder, name)
    family = FAMILIES[kind]
    model = load_network(checkpoint, family.class_name)
    side = int(model.prompt_encoder.input_image_size)
    preprocessing = Preprocessing.from_folder(folder, side, IMAGENET_COLOURS)
    digest = checkpoint.weights_sha256
    return SamSegmenter(
        SamNetwork(model, preprocessing, _read_display(folder), family),
        ModelInfo(name, revision or digest[:REVISION_DIGITS], digest),
        device=place,
        dtype=dtype,
    )


def check_packages(folder: Path, name: str) -> None:
    """Refuse an image encoder of the package timm where that is not installed."""
    vision = read_json_object(folder / CONFIG_FILE).get("vision_config")
    backbone = vision.get("backbone_config") if isinstance(vision, dict) else None
    kind = backbone.get("model_type") if isinstance(backbone, dict) else None
    if kind == "timm_wrapper" and find_spec("timm") is None:
        raise ModelError(
            f"The model {name} needs the package timm, which is not installed: run "
            "“pip install timm”, or choose another click model."
        )


def _read_display(folder: Path) -> WindowDisplay:
    """What ``vlseg.json`` says; without it, whole planes as every published SAM wants them."""
    path = folder / DEFAULTS_FILE
    if not path.is_file():
        return WindowDisplay()
    content = read_json_object(path)
    switches = {name: content.get(name, False) for name in _SWITCHES}
    if not all(isinstance(value, bool) for value in switches.values()):
        raise ModelError(
            f"{path} has another value than true and false for {', '.join(_SWITCHES)}: "
            "take a fresh copy of the model."
        )
    views = content.get("views", 1)
    if views not in _VIEWS:
        raise ModelError(
            f"{path} has {views} views, which is none of 1, 2 and 4: take a fresh copy of the "
            "model."
        )
    return WindowDisplay(**switches, views=int(views))
