"""Writing a model folder as transformers reads it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from transformers import (
    CLIPImageProcessor,
    CLIPSegForImageSegmentation,
    CLIPSegProcessor,
    CLIPTokenizer,
)

from napari_vlseg.training.vocabulary import vocabulary_document

VOCABULARY_NAME = "vocabulary.json"
_READABLE_BY_ALL = 0o644


def save_model_folder(
    model: CLIPSegForImageSegmentation,
    tokenizer: CLIPTokenizer,
    folder: Path,
    pixel_mean: tuple[float, ...],
    pixel_std: tuple[float, ...],
) -> None:
    """Weights, configuration, tokenizer, image processor and vocabulary.

    ``CLIPSegForImageSegmentation.from_pretrained`` and
    ``CLIPSegProcessor.from_pretrained`` work on the folder. Each file is replaced
    as a whole; other files in the folder (a model card) stay.
    """
    side = model.config.vision_config.image_size
    images = CLIPImageProcessor(
        size={"height": side, "width": side},
        do_center_crop=False,
        image_mean=list(pixel_mean),
        image_std=list(pixel_std),
    )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        staged = Path(temporary)
        model.save_pretrained(staged)
        CLIPSegProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(staged)
        images.save_pretrained(staged)
        document = json.dumps(vocabulary_document(), indent=1) + "\n"
        (staged / VOCABULARY_NAME).write_text(document)
        for path in sorted(staged.iterdir()):
            path.chmod(_READABLE_BY_ALL)
            path.replace(folder / path.name)
