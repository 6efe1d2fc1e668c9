"""What a person asks for: classes described by phrases, negatives and reference regions.

A `PromptTable` is the whole question, one `ClassPrompt` per row. Tables are immutable:
an edit makes a new one, so work in progress can tell that its question has changed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image
from skimage.transform import resize

from napari_vlseg.errors import PromptError, SettingsError
from napari_vlseg.planes import Channel
from napari_vlseg.visual_prompts import VisualPromptSettings

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "plain": ("{}",),
    "photo": ("{}", "a photo of a {}", "a photo of the {}", "an image of {}"),
    "microscopy": ("{}", "a microscopy image of {}", "a micrograph of {}", "stained {}"),
    "medical": ("{}", "a medical image of {}", "a scan showing {}", "{} in a medical scan"),
}
"""Named sets of phrase templates; ``{}`` stands for the phrase."""

COLORS = ("#e6194b", "#3cb44b", "#4363d8", "#ffe119", "#911eb4", "#42d4f4", "#f58231", "#bfef45")
"""Colours given to new classes, in order."""

TABLE_FORMAT = "napari-vlseg-prompts"
TABLE_VERSION = 1

_REFERENCE_MAX_SIDE = 512
_REFERENCE_MARGIN = 1.0


@dataclass(frozen=True, eq=False)
class ReferencePrompt:
    """A region that shows what to look for, in this image or another.

    Build one with `ReferencePrompt.from_region`, which crops and stores the region so
    that a saved table means the same when the source image is gone.

    Attributes
    ----------
    image : numpy.ndarray, shape (H, W, 3), uint8
        The surroundings of the region, as displayed.
    mask : numpy.ndarray, shape (H, W), bool
        The region itself.
    source : str
        Where it was drawn, for the person to read.
    """

    image: np.ndarray
    mask: np.ndarray
    source: str = ""

    @classmethod
    def from_region(cls, image: np.ndarray, mask: np.ndarray, source: str = "") -> ReferencePrompt:
        """Crop a region of an image, with a margin, into a reference.

        Parameters
        ----------
        image : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
            The displayed plane.
        mask : numpy.ndarray, shape (H, W)
            Non-zero inside the region.
        source : str
            Name of the image.

        Raises
        ------
        PromptError
            If the shapes differ or the mask is empty.
        """
        mask = np.asarray(mask)
        if mask.ndim != 2 or mask.shape != image.shape[:2]:
            raise PromptError(
                f"The reference mask has shape {mask.shape} but its image has "
                f"{image.shape[:2]}: give a mask of the image's height and width."
            )
        mask = mask != 0
        if not mask.any():
            raise PromptError("The reference mask is empty: draw at least one object in it.")
        window = _window_around(mask)
        pixels = np.clip(np.asarray(image[window], np.float32), 0, 1)
        region = mask[window]
        scale = _REFERENCE_MAX_SIDE / max(region.shape)
        if scale < 1:
            shape = tuple(max(1, round(side * scale)) for side in region.shape)
            pixels = resize(pixels, (*shape, 3), order=1, anti_aliasing=True)
            cover = resize(region.astype(np.float32), shape, order=1, anti_aliasing=True)
            region = cover >= min(0.5, cover.max() / 2)  # a thin line never covers half a pixel
        return cls(np.round(pixels * 255).astype(np.uint8), region, source)

    @cached_property
    def sha256(self) -> str:
        """Hash of pixels and mask: equal references have equal hashes."""
        digest = hashlib.sha256(repr(self.image.shape).encode())
        digest.update(np.ascontiguousarray(self.image).tobytes())
        digest.update(np.packbits(self.mask).tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReferencePrompt) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def to_dict(self) -> dict[str, str]:
        """JSON form: two PNG files in base64."""
        return {
            "source": self.source,
            "image_png": _png(self.image),
            "mask_png": _png(self.mask.astype(np.uint8) * 255),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> ReferencePrompt:
        """Inverse of `to_dict`."""
        return cls(
            np.asarray(_unpng(data["image_png"]).convert("RGB")),
            np.asarray(_unpng(data["mask_png"]).convert("L")) > 127,
            str(data.get("source", "")),
        )


@dataclass(frozen=True)
class ClassPrompt:
    """One class to find: a row of the prompt table.

    Attributes
    ----------
    name : str
        Class name, as exported.
    phrases : tuple of str
        Synonyms; their embeddings are averaged.
    negatives : tuple of str
        Phrases that compete with this class: a pixel that suits one of them better than
        the class is not the class.
    references : tuple of ReferencePrompt
        Regions that show the class; their embeddings are averaged.
    mix : float
        ``a`` in ``x = a·s + (1 − a)·t``: 0 is text alone, 1 is references alone. It has an
        effect where both are given.
    threshold : float or None
        Probability from which a pixel belongs to the class; None takes the model's default.
    color : str
        ``#rrggbb``.
    visible : bool
        Whether the class is shown and segmented.
    """

    name: str
    phrases: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    references: tuple[ReferencePrompt, ...] = ()
    mix: float = 0.5
    threshold: float | None = None
    color: str = COLORS[0]
    visible: bool = True

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise PromptError("A class has no name: give it one, for example “nuclei”.")
        _check_unit("text ↔ reference mix", self.mix)
        if self.threshold is not None:
            _check_unit("threshold", self.threshold)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look for."""
        return not self.phrases and not self.references

    def describe(self) -> str:
        """The prompt on one line, as written to objects and projects."""
        parts = [", ".join(self.phrases)] if self.phrases else []
        parts += [f"not {phrase}" for phrase in self.negatives]
        if self.references:
            parts.append(f"{len(self.references)} reference{'s'[: len(self.references) != 1]}")
        return "; ".join(parts)


@dataclass(frozen=True)
class PromptTable:
    """The whole question: one row per class, and the templates around phrases.

    Attributes
    ----------
    rows : tuple of ClassPrompt
        Classes in order; names are unique.
    templates : tuple of str
        Each holds ``{}`` for the phrase; embeddings are averaged over them.
    visual : VisualPromptSettings
        How the surroundings of references are treated before the model sees them.
    channels : tuple of Channel
        Which channels of a multichannel image the model sees, in which colours and contrasts.
        Empty leaves it to the image.
    """

    rows: tuple[ClassPrompt, ...] = ()
    templates: tuple[str, ...] = field(default=TEMPLATES["plain"])
    visual: VisualPromptSettings = field(default_factory=VisualPromptSettings)
    channels: tuple[Channel, ...] = ()

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise PromptError(f"Two classes are named “{twice[0]}”: rename one of them.")
        for template in self.templates:
            if template.count("{}") != 1:
                raise PromptError(
                    f"The template “{template}” must hold {{}} once, where the phrase goes."
                )

    @property
    def active(self) -> tuple[ClassPrompt, ...]:
        """The rows to segment: visible and not empty.

        Raises
        ------
        PromptError
            If there is none.
        """
        rows = tuple(row for row in self.rows if row.visible and not row.is_empty)
        if not rows:
            raise PromptError(
                "The prompt is empty: type what to find, for example “nuclei”, "
                "or draw a reference region."
            )
        return rows

    def with_row(self, row: ClassPrompt) -> PromptTable:
        """A table in which `row` replaces the row of its name, or is added last."""
        names = [r.name for r in self.rows]
        if row.name in names:
            rows = tuple(row if r.name == row.name else r for r in self.rows)
        else:
            rows = (*self.rows, row)
        return replace(self, rows=rows)

    def to_json(self) -> str:
        """The table as JSON text; `from_json` gives an equal table."""
        rows = [
            {
                "name": r.name,
                "phrases": list(r.phrases),
                "negatives": list(r.negatives),
                "references": [ref.to_dict() for ref in r.references],
                "mix": r.mix,
                "threshold": r.threshold,
                "color": r.color,
                "visible": r.visible,
            }
            for r in self.rows
        ]
        document = {
            "format": TABLE_FORMAT,
            "version": TABLE_VERSION,
            "templates": list(self.templates),
            "visual_prompt": asdict(self.visual),
            "channels": [asdict(channel) for channel in self.channels],
            "classes": rows,
        }
        return json.dumps(document, indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> PromptTable:
        """Read a table written by `to_json`.

        Raises
        ------
        PromptError
            If the text is not a prompt table, or of a later version.
        """
        try:
            document = json.loads(text)
            if document["format"] != TABLE_FORMAT:
                raise KeyError("format")
            version = int(document["version"])
            if version > TABLE_VERSION:
                raise PromptError(
                    f"The prompt file has version {version} and this program reads up to "
                    f"{TABLE_VERSION}: update napari-vlseg."
                )
            rows = tuple(_row_from_dict(row) for row in document["classes"])
            visual = VisualPromptSettings(**document["visual_prompt"])
            channels = tuple(_channel_from_dict(c) for c in document.get("channels", ()))
            return cls(rows, tuple(document["templates"]), visual, channels)
        except (
            KeyError,
            IndexError,
            TypeError,
            ValueError,
            AttributeError,
            OSError,
            SettingsError,
        ) as error:
            raise PromptError(
                "This is not a napari-vlseg prompt file: choose one that “Save prompts” wrote."
            ) from error

    @classmethod
    def build(
        cls,
        text: str | Iterable[str] | Mapping[str, str | Iterable[str]] | None = None,
        references: Mapping[str, Iterable[ReferencePrompt]] | None = None,
        *,
        mix: float = 0.5,
        threshold: float | None = None,
        templates: Sequence[str] = TEMPLATES["plain"],
        visual: VisualPromptSettings | None = None,
    ) -> PromptTable:
        """Make a table from the short forms of the command line and of Python.

        Parameters
        ----------
        text : str, iterable of str, or mapping
            ``"nuclei"``; ``"class=phrase,phrase;-negative"``; several of these; or
            ``{"class": ["phrase", "-negative"]}``, also as ``{"class": "phrase;-negative"}``.
        references : mapping of str to iterable of ReferencePrompt, optional
            References by class name; a name that `text` lacks makes a class of its own.
        mix, threshold
            Given to every row, see `ClassPrompt`.
        templates, visual
            See `PromptTable`.

        Raises
        ------
        PromptError
            If nothing is asked for or a part is malformed.

        Examples
        --------
        >>> table = PromptTable.build("nuclei=nuclei,cell nuclei;-debris")
        >>> table.rows[0].phrases, table.rows[0].negatives
        (('nuclei', 'cell nuclei'), ('debris',))
        """
        words = _words_by_class(text)
        shown = {name: tuple(refs) for name, refs in (references or {}).items()}
        rows: list[ClassPrompt] = []
        for name in [*words, *(name for name in shown if name not in words)]:
            phrases = words.get(name, [])
            rows.append(
                ClassPrompt(
                    name,
                    tuple(p for p in phrases if not p.startswith("-")),
                    tuple(p[1:].strip() for p in phrases if p.startswith("-")),
                    shown.get(name, ()),
                    mix,
                    threshold,
                    COLORS[len(rows) % len(COLORS)],
                )
            )
        table = cls(tuple(rows), tuple(templates), visual or VisualPromptSettings())
        empty = [row.name for row in table.rows if row.is_empty]
        if empty:
            raise PromptError(
                f"The class “{empty[0]}” has nothing to look for: give it a phrase or a reference."
            )
        table.active  # noqa: B018 - raises for an empty question
        return table


def parse_class(spec: str) -> tuple[str, list[str]]:
    """Split ``"class=phrase,phrase;-negative"`` into its name and phrases.

    A negative keeps its leading ``-``. Without ``=`` the first phrase names the class.

    Raises
    ------
    PromptError
        If no phrase is left.
    """
    name, separator, rest = spec.partition("=")
    phrases = _split_phrases(rest if separator else spec)
    if not separator:
        name = next((p for p in phrases if not p.startswith("-")), "")
    if not name.strip() or not phrases:
        raise PromptError(
            f"The text prompt “{spec}” is empty: write “nuclei” or “class=phrase,phrase;-negative”."
        )
    return name.strip(), phrases


def _split_phrases(body: str) -> list[str]:
    phrases = [p.strip() for part in body.split(";") for p in part.split(",")]
    return [p for p in phrases if p.strip("- ")]


def _words_by_class(
    text: str | Iterable[str] | Mapping[str, str | Iterable[str]] | None,
) -> dict[str, list[str]]:
    if text is None:
        return {}
    if isinstance(text, Mapping):
        return {
            str(name): _split_phrases(v)
            if isinstance(v, str)
            else [p.strip() for p in v if p.strip("- ")]
            for name, v in text.items()
        }
    words: dict[str, list[str]] = {}
    for spec in [text] if isinstance(text, str) else text:
        name, phrases = parse_class(spec)
        words.setdefault(name, []).extend(phrases)
    return words


def _row_from_dict(row: Mapping[str, Any]) -> ClassPrompt:
    threshold = row["threshold"]
    return ClassPrompt(
        str(row["name"]),
        tuple(map(str, row["phrases"])),
        tuple(map(str, row["negatives"])),
        tuple(ReferencePrompt.from_dict(ref) for ref in row["references"]),
        float(row["mix"]),
        None if threshold is None else float(threshold),
        str(row["color"]),
        bool(row["visible"]),
    )


def _channel_from_dict(channel: Mapping[str, Any]) -> Channel:
    contrast = channel["contrast"]
    limits = None if contrast is None else (float(contrast[0]), float(contrast[1]))
    return Channel(int(channel["index"]), str(channel["color"]), limits)


def _window_around(mask: np.ndarray) -> tuple[slice, slice]:
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    side = max(np.ptp(rows), np.ptp(cols)) + 1
    margin = math.ceil(side * _REFERENCE_MARGIN)
    return (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, cols[0] - margin), cols[-1] + 1 + margin),
    )


def _check_unit(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise PromptError(f"The {name} is {value:g} but must lie between 0 and 1.")


def _png(array: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _unpng(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))
