"""Training examples: an image, its objects, and prompts with the masks they ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_vlseg.training.attributes import (
    BACKGROUND_CODES,
    OTHER_CODES,
    Codes,
    query_codes,
)
from napari_vlseg.training.augment import RealView, real_view
from napari_vlseg.training.dsb2018 import NucleiImage
from napari_vlseg.training.novel_pairs import ScenePair
from napari_vlseg.training.queries import (
    Query,
    absent_query,
    in_template,
    matching_labels,
    phrase_for,
    query_about,
)
from napari_vlseg.training.scene_bank import SceneBank
from napari_vlseg.training.scenes import Scene, SceneObject, mask_of_objects
from napari_vlseg.training.unknown_words import random_phrase
from napari_vlseg.training.vocabulary import BACKGROUND_NOUNS

_REAL_KIND_SHARES = {
    "fluorescence": 0.50,
    "purple_on_purple": 0.22,
    "purple_on_white": 0.17,
    "brightfield": 0.11,
}
_FEWEST_PIXELS = 12
_TRIES = 30


@dataclass(frozen=True)
class Example:
    """An image of the training size with its objects.

    Attributes
    ----------
    image : ndarray of float32, shape (size, size, 3)
    labels : ndarray of int32, shape (size, size)
    objects : tuple of SceneObject
        Objects of which enough is visible.
    real_kind : str
        Kind of real image, "" for a procedural scene.
    """

    image: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    objects: tuple[SceneObject, ...]
    real_kind: str = ""

    def mask(self, query: Query) -> npt.NDArray[np.bool_]:
        """Pixels that answer a query."""
        return mask_of_objects(self.labels, self.objects, matching_labels(query, self.objects))


@dataclass(frozen=True)
class TextExample:
    """A phrase, the mask it asks for and what the auxiliary heads should read off it."""

    phrase: str
    mask: npt.NDArray[np.bool_]
    codes: Codes


class ExampleSource:
    """Draws examples from real images, a bank of scenes and pairs of scenes."""

    def __init__(
        self,
        images: Sequence[NucleiImage],
        bank: SceneBank,
        size: int,
        pairs: Sequence[ScenePair] = (),
    ) -> None:
        self.bank = bank
        self._size = size
        self._pairs = pairs
        self._by_kind: dict[str, list[NucleiImage]] = defaultdict(list)
        for image in images:
            self._by_kind[image.kind].append(image)
        shares = np.array([_REAL_KIND_SHARES.get(kind, 0.1) for kind in self._by_kind])
        self._kind_shares = shares / shares.sum() if len(shares) else shares

    @property
    def has_real_images(self) -> bool:
        """Whether there is any real image to draw from."""
        return bool(self._by_kind)

    @property
    def has_pairs(self) -> bool:
        """Whether there is any pair of scenes with unnamed kinds of object."""
        return bool(self._pairs)

    def pair(self, rng: np.random.Generator) -> tuple[Example, Example]:
        """Crops of two scenes that share a recipe, in random order."""
        for _ in range(_TRIES):
            scenes = self._pairs[int(rng.integers(len(self._pairs)))]
            first, second = (_scene_view(scene, self._size, rng) for scene in scenes)
            if shared_recipes(first, second):
                return (first, second) if rng.random() < 0.5 else (second, first)
        raise RuntimeError(f"No pair of crops shared a recipe in {_TRIES} draws.")

    def real(self, rng: np.random.Generator, *, kind: str = "", on_object: bool = False) -> Example:
        """A view of a real image, of the given kind if there is one."""
        if kind not in self._by_kind:
            kind = str(rng.choice(list(self._by_kind), p=self._kind_shares))
        images = self._by_kind[kind]
        source = images[rng.integers(len(images))]
        view = real_view(source, self._size, rng, on_object=on_object)
        return Example(view.image, view.labels, _real_objects(view), kind)

    def scene(self, rng: np.random.Generator, key: tuple[str, str] | None = None) -> Example:
        """A crop of a scene; with a (kind, colour) key, of one that holds such an object."""
        numbers = self.bank.places[key] if key else range(len(self.bank.scenes))
        scene = self.bank.scenes[numbers[rng.integers(len(numbers))]]
        return _scene_view(scene, self._size, rng)


def shared_recipes(first: Example, second: Example) -> list[str]:
    """Recipes of which both examples show an object, in order."""
    one, other = ({thing.recipe for thing in example.objects} for example in (first, second))
    return sorted(recipe for recipe in one & other if recipe)


def _scene_view(scene: Scene, size: int, rng: np.random.Generator) -> Example:
    """A random crop, turned and mirrored."""
    room = scene.labels.shape[0] - size
    top, left = rng.integers(0, room + 1, 2)
    window = np.s_[top : top + size, left : left + size]
    image, labels = scene.image[window], scene.labels[window]
    turns, mirror = int(rng.integers(4)), rng.random() < 0.5
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if mirror:
        image, labels = image[:, ::-1], labels[:, ::-1]
    objects = _still_visible(labels, scene.objects)
    pixels = image.astype(np.float32) / np.float32(np.iinfo(scene.image.dtype).max)
    return Example(np.asarray(pixels, np.float32), np.ascontiguousarray(labels), objects)


def _still_visible(
    labels: npt.NDArray[np.int32], objects: Sequence[SceneObject]
) -> tuple[SceneObject, ...]:
    areas = np.bincount(labels.ravel())
    return tuple(
        thing
        for thing in objects
        if thing.label < len(areas) and areas[thing.label] >= _FEWEST_PIXELS
    )


def _real_objects(view: RealView) -> tuple[SceneObject, ...]:
    """Records for the nuclei of a real view, with the words its look allows."""
    colour, brightness = {
        "fluorescence": ("white", "bright"),
        "purple_on_purple": ("purple", "dark"),
        "purple_on_white": ("purple", "dark"),
    }.get(view.kind, ("gray", ""))
    if view.look == "dark":
        colour, brightness = "gray", "dark"
    elif view.look:
        colour = view.look
    labels = np.unique(view.labels)
    return tuple(
        SceneObject(int(label), "nuclei", colour, "", brightness) for label in labels if label
    )


def text_example(example: Example, rng: np.random.Generator) -> TextExample:
    """A phrase for an example: present, absent, a word that means nothing, or background."""
    draw = rng.random()
    if draw < 0.57 and example.objects:
        query = query_about(example.objects[rng.integers(len(example.objects))], rng)
        return _asking(query, example, rng)
    if draw < 0.61:
        phrase = str(rng.choice(BACKGROUND_NOUNS))
        return TextExample(phrase, example.labels == 0, BACKGROUND_CODES)
    if draw < 0.87:
        query_or_none = absent_query(example.objects, rng, hard=draw < 0.80)
        if query_or_none is not None:
            return _asking(query_or_none, example, rng)
    phrase = in_template(random_phrase(rng), rng)
    return TextExample(phrase, np.zeros(example.labels.shape, bool), OTHER_CODES)


def _asking(query: Query, example: Example, rng: np.random.Generator) -> TextExample:
    phrase = in_template(phrase_for(query, rng), rng)
    return TextExample(phrase, example.mask(query), query_codes(query))
