"""Images with known objects: some for the simulated annotator, others to measure on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_vlseg.errors import SettingsError
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.training.dsb2018 import (
    halves_by_group,
    load_images,
    read_index,
    split_by_group,
)
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.scenes.novel import draw_recipes, paint_scene
from napari_vlseg.training.scenes.scene import photographed

NOVEL_WORD = "zoborg"
"""A word that the bundled model never saw, for objects that no word names."""

_SCENE_SIDE = 160
_FIRST_DOMAIN = 5_000_000


@dataclass(frozen=True, eq=False)
class TrueImage:
    """An image whose objects are known.

    Attributes
    ----------
    name, group : str
        Images of one group belong together: one slide.
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    labels : numpy.ndarray, shape (H, W), integer
        0 is background.
    """

    name: str
    group: str
    plane: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class Pool:
    """What an annotator works through, and what nobody trains on.

    Attributes
    ----------
    name : str
    prompts : PromptTable
        One class.
    work, test : tuple of TrueImage
        Without a group in common.
    """

    name: str
    prompts: PromptTable
    work: tuple[TrueImage, ...]
    test: tuple[TrueImage, ...]

    @property
    def class_name(self) -> str:
        """The class of all objects."""
        return self.prompts.rows[0].name


def nuclei_pool(folder: Path, kind: str, *, most: int = 60, unseen: bool = False) -> Pool:
    """Nuclei of one staining, split by slide.

    The split is that of the training of the bundled models: what is worked on is what they were
    trained on, and what is measured on is not. Of a staining that the base model never saw, half
    of the slides are measured on.

    Parameters
    ----------
    folder : Path
        Packed as `napari_vlseg.training.dsb2018` reads it.
    kind : str
        "fluorescence", "purple_on_purple", …
    most : int
        Images on either side, at most.
    unseen : bool
        Whether the base model was trained without this staining.

    Raises
    ------
    SettingsError
        If there are no images of the kind.
    """
    index = read_index(folder)
    kinds = sorted(set(index["kind"].astype(str)))
    if kind not in kinds:
        raise SettingsError(f"“{folder}” has no images of “{kind}”: choose {', '.join(kinds)}.")
    rows = index[index["kind"] == kind]
    of_kind = set(rows["id"])
    sides = []
    for ids in halves_by_group(rows) if unseen else split_by_group(index):
        images = load_images(folder, sorted(of_kind & set(ids))[:most])
        sides.append(tuple(TrueImage(i.id, i.group, as_plane(i.image), i.labels) for i in images))
    prompts = PromptTable((ClassPrompt("nuclei", phrases=("nuclei",)),))
    return Pool(f"nuclei, {kind}", prompts, *sides)


def painted_pool(domain: int, *, n_work: int = 40, n_test: int = 20) -> Pool:
    """Scenes of objects whose outlines, fills and stainings no training has seen.

    Parameters
    ----------
    domain : int
        Which objects; two others are in every scene too.
    n_work, n_test : int
        Number of scenes.
    """
    recipes = draw_recipes(3, np.random.default_rng([_FIRST_DOMAIN, domain]), held_out=True)
    images = []
    for number in range(n_work + n_test):
        seed = _FIRST_DOMAIN + 1000 * domain + number
        rng = np.random.default_rng(seed)
        scene = photographed(paint_scene(_SCENE_SIDE, recipes, rng, 2), rng, "novel", seed)
        wanted = [thing.label for thing in scene.objects if thing.recipe == recipes[0].name]
        labels = np.where(np.isin(scene.labels, wanted), scene.labels, 0)
        images.append(TrueImage(f"scene {number}", f"{number}", as_plane(scene.image), labels))
    prompts = PromptTable((ClassPrompt(NOVEL_WORD, phrases=(NOVEL_WORD,)),))
    return Pool(
        f"painted objects {domain}", prompts, tuple(images[:n_work]), tuple(images[n_work:])
    )
