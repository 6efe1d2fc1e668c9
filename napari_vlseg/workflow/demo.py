"""The whole loop on a bundled image and the bundled model: prompt, correct, save, export."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ExportError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import atomic_folder, atomic_write_text
from napari_vlseg.images import ImageView, extract_plane, pixels_sha256
from napari_vlseg.models import registry
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.ome import write_labels
from napari_vlseg.prompts import PromptTable, ReferencePrompt
from napari_vlseg.proposals import Proposals
from napari_vlseg.samples import load_sample, sample_names
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.evaluation import ImageScore, score_labels
from napari_vlseg.workflow.export import export_project
from napari_vlseg.workflow.overlay import CORRECTED, draw_outlines
from napari_vlseg.workflow.propose import propose
from napari_vlseg.workflow.scripted import Correction, correct_worst

SAMPLE = "fluorescence"
PHRASE = "nuclei"
DEFAULT_FOLDER = "vlseg-demo"
_OVERLAY_ZOOM = 3
_STEPS = 5


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Attributes
    ----------
    folder : pathlib.Path
        Holds ``project``, ``coco``, ``labels.tif``, ``overlay.png``, ``summary.json``, and all
        samples as files to play with: ``images`` and, by the same names, ``truth``.
    model : str
        Name and revision.
    scores : tuple of ImageScore
        Against the truth that comes with the image: "text", "reference", "corrected".
    n_redrawn, n_removed : int
        Strokes of the scripted correction.
    """

    folder: Path
    model: str
    scores: tuple[ImageScore, ...]
    n_redrawn: int
    n_removed: int

    @property
    def project(self) -> Path:
        """Folder of the project."""
        return self.folder / "project"

    @property
    def coco(self) -> Path:
        """Folder of the exported training set."""
        return self.folder / "coco"

    @property
    def labels(self) -> Path:
        """The corrected labels."""
        return self.folder / "labels.tif"

    @property
    def overlay(self) -> Path:
        """Outlines: left as proposed, right as corrected."""
        return self.folder / "overlay.png"

    @property
    def images(self) -> Path:
        """Folder of the samples; their true labels are in ``truth`` beside it."""
        return self.folder / "images"

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        paths = ("folder", "project", "coco", "labels", "overlay", "images")
        return {
            **{name: str(getattr(self, name)) for name in paths},
            "model": self.model,
            "scores": [asdict(score) for score in self.scores],
            "n_redrawn": self.n_redrawn,
            "n_removed": self.n_removed,
        }


def free_folder(parent: Path, name: str = DEFAULT_FOLDER) -> Path:
    """``name``, or the first of ``name-2``, ``name-3``, … that does not exist in `parent`."""
    number, folder = 1, parent / name
    while folder.exists():
        number += 1
        folder = parent / f"{name}-{number}"
    return folder


def demo(folder: Path, model: DenseSegmenter | None = None) -> Work[DemoResult]:
    """Run the loop once and leave its results in a new folder.

    Parameters
    ----------
    folder : pathlib.Path
        Made by the demo; it must not hold anything. It appears when everything is there.
    model : DenseSegmenter, optional
        The bundled one when omitted.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    DemoResult

    Raises
    ------
    ExportError
        If the folder holds files or can't be written.
    """
    with atomic_folder(folder, error=ExportError) as temporary:
        yield Progress("demo", 0, _STEPS)
        if model is None:
            model = yield from registry.load_steps(registry.DEFAULT_MODEL)
        image, truth = load_sample(SAMPLE)
        plane = extract_plane(image, (), ImageView(rgb=image.ndim == 3))
        yield Progress("demo", 1, _STEPS)
        by_text, by_reference = yield from _segment_both_ways(model, plane, truth)
        yield Progress("demo", 2, _STEPS)
        correction = correct_worst(by_text.labels, by_text.objects, truth)
        _save_project(temporary / "project", image, by_text, by_reference, correction)
        yield Progress("demo", 3, _STEPS)
        yield from export_project(temporary / "project", "coco", temporary / "coco")
        yield Progress("demo", 4, _STEPS)
        result = DemoResult(
            folder,
            str(model.info),
            _scores(truth, text=by_text, reference=by_reference, corrected=correction),
            len(correction.redrawn),
            len(correction.removed),
        )
        _write_pictures(temporary, plane, by_text, correction)
        _write_samples(temporary)
        atomic_write_text(temporary / "summary.json", json.dumps(result.to_dict(), indent=2))
    yield Progress("demo", _STEPS, _STEPS)
    return result


def _segment_both_ways(
    model: DenseSegmenter, plane: np.ndarray, truth: np.ndarray
) -> Work[tuple[Proposals, Proposals]]:
    """By the phrase, then by one true object; the second time the image is encoded already."""
    cache = EmbeddingCache()
    text = PromptTable.build(PHRASE)
    by_text = yield from propose(model, plane, text, cache=cache)
    reference = ReferencePrompt.from_region(plane, _typical_object(truth), SAMPLE)
    shown = PromptTable.build(references={PHRASE: [reference]})
    by_reference = yield from propose(model, plane, shown, cache=cache)
    return by_text, by_reference


def _typical_object(truth: np.ndarray) -> np.ndarray:
    """Mask of the object of median area."""
    areas = np.bincount(truth.ravel())
    values = np.flatnonzero(areas[1:]) + 1
    ordered = values[np.argsort(areas[values], kind="stable")]
    return truth == ordered[len(ordered) // 2]


def _scores(truth: np.ndarray, **results: Proposals | Correction) -> tuple[ImageScore, ...]:
    return tuple(score_labels(truth, result.labels, name) for name, result in results.items())


def _save_project(
    folder: Path,
    image: np.ndarray,
    by_text: Proposals,
    by_reference: Proposals,
    correction: Correction,
) -> None:
    project = Project.create(folder)
    project.save_prompts(by_text.prompts)
    entry = project.add_image(
        SAMPLE,
        source_path=None,
        pixels_sha256=pixels_sha256(image),
        shape=image.shape,
        dtype=image.dtype,
        embed=image,
    )
    for proposals in (by_reference, by_text):
        entry.save_proposals(proposals)
    entry.save_labels(correction.labels, correction.objects)


def _write_pictures(
    folder: Path, plane: np.ndarray, by_text: Proposals, correction: Correction
) -> None:
    """The corrected labels, and side by side what was proposed and what became of it."""
    write_labels(folder / "labels.tif", correction.labels, name=SAMPLE)
    proposed = draw_outlines(plane, by_text.labels, zoom=_OVERLAY_ZOOM)
    redrawn = dict.fromkeys(correction.redrawn, CORRECTED)
    corrected = draw_outlines(plane, correction.labels, redrawn, zoom=_OVERLAY_ZOOM)
    Image.fromarray(np.hstack([proposed, corrected])).save(folder / "overlay.png")


def _write_samples(folder: Path) -> None:
    for kind in ("images", "truth"):
        (folder / kind).mkdir()
    for name in sample_names():
        image, truth = load_sample(name)
        Image.fromarray(image).save(folder / "images" / f"{name}.png")
        Image.fromarray(truth.astype(np.uint16)).save(folder / "truth" / f"{name}.png")
