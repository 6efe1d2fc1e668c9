"""Everything that a fine-tuning needs before its first step."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_vlseg.errors import PromptError
from napari_vlseg.events import Progress, Work
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.training.finetune.augmented import encoded_variants, variant
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.replay import ReplayBank, replay_bank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.splitting import split_corrections
from napari_vlseg.training.finetune.tiles import Tiles, TileSet, pixel_tiles_of, tiles_of
from napari_vlseg.training.finetune.voices import ClassVoice, class_voices
from napari_vlseg.workflow.cache import EmbeddingCache, encode

_ABSENT = (
    "red triangle",
    "blue square",
    "green star",
    "yellow cross",
    "orange ring",
    "cracks",
    "bicycle",
    "letters",
)


@dataclass(frozen=True, eq=False)
class Course:
    """What is learned, and what it is measured on.

    Attributes
    ----------
    voices : tuple of ClassVoice
    training, held_out : Tiles
        Targets in the order of `voices`; `held_out` may have no tile.
    absent : numpy.ndarray, shape (n, projection_dim), float32
        Vectors of things that are not there.
    bank : ReplayBank
    n_objects, n_held_out : dict of str to int
        Objects of each class on either side.
    sha256 : str
        Hash of all planes and corrections.
    shows_pixels : bool
        Whether tiles and bank hold pixels, for a vision tower that learns.
    n_own : int
        How many sets of training tiles, the first ones, are of the planes themselves.
    """

    voices: tuple[ClassVoice, ...]
    training: Tiles
    held_out: Tiles
    absent: np.ndarray = field(repr=False)
    bank: ReplayBank
    n_objects: dict[str, int]
    n_held_out: dict[str, int]
    sha256: str
    shows_pixels: bool
    n_own: int

    @property
    def is_held_out(self) -> bool:
        """Whether anything was held out to measure on."""
        return len(self.held_out) > 0

    @property
    def n_variants(self) -> int:
        """How many variants of planes the other training tiles are of."""
        return len(self.training.sets) - self.n_own

    @property
    def measured(self) -> Tiles:
        """What is measured on: what was held out, or the training corrections without that."""
        if self.is_held_out:
            return self.held_out
        return Tiles(self.training.sets[: self.n_own])


def prepare(
    model: ClipSegSegmenter,
    table: PromptTable,
    planes: Sequence[CorrectedPlane],
    settings: FinetuneSettings,
    *,
    working_scale: float | None = None,
    cache: EmbeddingCache | None = None,
    bank: ReplayBank | None = None,
) -> Work[Course]:
    """Encode what was not encoded before, and set apart what is measured on.

    Yields
    ------
    Progress or Notice

    Raises
    ------
    PromptError
        If nothing was corrected.
    """
    training, held_out = split_corrections(planes, settings.held_out_share, settings.seed)
    voices = yield from class_voices(model, table, training, settings.seed)
    names = [voice.name for voice in voices]
    cutter = _Cutter(model, names, settings, cache, working_scale)
    sets: list[list[TileSet]] = [[], []]
    for done, (side, plane) in enumerate(
        [(0, plane) for plane in training] + [(1, plane) for plane in held_out]
    ):
        sets[side].append((yield from cutter.tiles(plane)))
        yield Progress("preparing", done + 1, len(training) + len(held_out))
    variants = [tiles for plane in training for tiles in cutter.variants(plane)]
    if settings.replay_share and bank is None:
        bank = yield from replay_bank(model, settings.replay_scenes, settings.seed)
    bank = bank or ReplayBank.empty()
    tiles = Tiles(tuple(sets[0]))
    if not len(tiles):
        raise PromptError("Nothing was reviewed yet: accept or correct some objects first.")
    return Course(
        voices,
        Tiles((*tiles.sets, *variants)),
        Tiles(tuple(sets[1])),
        _absent_vectors(model, table),
        bank.as_pixels() if settings.trains_tower else bank,
        count_objects(training, names),
        count_objects(held_out, names),
        corrections_sha256(planes),
        settings.trains_tower,
        len(tiles.sets),
    )


@dataclass(frozen=True, eq=False)
class _Cutter:
    """Makes tiles of planes, as the method needs them."""

    model: ClipSegSegmenter
    names: Sequence[str]
    settings: FinetuneSettings
    cache: EmbeddingCache | None
    working_scale: float | None

    def tiles(self, plane: CorrectedPlane) -> Work[TileSet]:
        """Of a plane, which is encoded if it was not before; for a tower that learns, never."""
        if self.settings.trains_tower:
            return self._pixel_tiles(plane)
        encoding = encode(
            self.model, plane.plane, working_scale=self.working_scale, cache=self.cache
        )
        return tiles_of(plane, (yield from encoding), self.names)

    def variants(self, plane: CorrectedPlane) -> Iterator[TileSet]:
        """Of variants of a plane; nothing is encoded for them."""
        count = self.settings.augment
        if self.settings.trains_tower:
            yield from (self._pixel_tiles(variant(plane, number)) for number in range(count))
            return
        found = encoded_variants(
            self.model, plane, self.cache, count, working_scale=self.working_scale
        )
        for changed, embedding in found:
            yield tiles_of(changed, embedding, self.names)

    def _pixel_tiles(self, plane: CorrectedPlane) -> TileSet:
        plan = self.model.tile_plan(plane.plane, self.working_scale)
        return pixel_tiles_of(plane, plan, self.model.network.preprocessing, self.names)


def corrections_sha256(planes: Sequence[CorrectedPlane]) -> str:
    """Hash of what was corrected, whatever the order of the planes."""
    return hashlib.sha256("".join(sorted(map(_plane_sha256, planes))).encode()).hexdigest()


def _plane_sha256(plane: CorrectedPlane) -> str:
    digest = hashlib.sha256(repr((plane.plane.shape, sorted(plane.classes.items()))).encode())
    labels = np.ascontiguousarray(plane.labels, np.int64)
    for part in (np.ascontiguousarray(plane.plane), labels, np.packbits(plane.reviewed)):
        digest.update(part.data)
    return digest.hexdigest()


def _absent_vectors(model: ClipSegSegmenter, table: PromptTable) -> np.ndarray:
    """Vectors of phrases that share no word with the table's."""
    said = {
        word
        for row in table.rows
        for phrase in (row.name, *row.phrases)
        for word in phrase.lower().split()
    }
    phrases = [phrase for phrase in _ABSENT if not said & set(phrase.split())]
    prompts = [ClassPrompt(phrase, phrases=(phrase,)) for phrase in phrases or _ABSENT]
    return np.stack([model.condition(prompt)[0].vector for prompt in prompts])


def count_objects(planes: Sequence[CorrectedPlane], names: Sequence[str]) -> dict[str, int]:
    """Corrected objects of each class."""
    counts = dict.fromkeys(names, 0)
    for plane in planes:
        for name in plane.objects.values():
            if name in counts:
                counts[name] += 1
    return counts
