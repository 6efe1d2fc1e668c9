"""Writing a model folder as transformers and `napari_vlseg.load_model` read it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from transformers import SamImageProcessor, SamModel, SamProcessor

DEFAULTS_NAME = "vlseg.json"
_READABLE_BY_ALL = 0o644


def save_sam_folder(
    model: SamModel,
    folder: Path,
    pixel_mean: tuple[float, ...],
    pixel_std: tuple[float, ...],
    defaults: dict[str, object],
) -> None:
    """Weights, configuration, image processor and how the model wants to be shown tiles.

    ``SamModel.from_pretrained`` and ``SamProcessor.from_pretrained`` work on the folder.
    Each file is replaced as a whole; other files in the folder (a model card) stay.

    Parameters
    ----------
    model : SamModel
    folder : Path
    pixel_mean, pixel_std : tuple of float
        Per channel, for intensities in [0, 1].
    defaults : dict
        What the adapter reads from ``vlseg.json``.
    """
    side = model.config.vision_config.image_size
    mask_side = 4 * side // model.config.vision_config.patch_size
    images = SamImageProcessor(
        size={"longest_edge": side},
        pad_size={"height": side, "width": side},
        mask_size={"longest_edge": mask_side},
        mask_pad_size={"height": mask_side, "width": mask_side},
        image_mean=list(pixel_mean),
        image_std=list(pixel_std),
    )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        staged = Path(temporary)
        model.save_pretrained(staged)
        SamProcessor(image_processor=images).save_pretrained(staged)
        images.save_pretrained(staged)
        (staged / DEFAULTS_NAME).write_text(json.dumps(defaults, indent=1) + "\n")
        for path in sorted(staged.iterdir()):
            path.chmod(_READABLE_BY_ALL)
            path.replace(folder / path.name)
