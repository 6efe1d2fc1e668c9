"""The adapters of a project: numbered, never overwritten, and one of them in use or none."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open

from napari_vlseg.errors import ModelError
from napari_vlseg.files import (
    TEMPORARY_PREFIX,
    atomic_write_bytes,
    atomic_write_text,
    file_sha256,
    reading,
    remove_unfinished,
    writing,
)
from napari_vlseg.models.adapters import FORMAT, SUFFIX, Adapter, BaseModel, read_adapter

FOLDER_NAME = "models"
ACTIVE_NAME = "active.json"
TRAINING_NAME = ".training"
"""Folder of the epochs of a training that has not ended."""

_ACTIVE_FORMAT = "napari-vlseg-models"
_VERSION = 1
_LOCK_NAME = ".lock"
_DIGITS = 8
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class ShelvedAdapter:
    """An adapter on the shelf, by what its file says of it; its tensors are not read.

    Attributes
    ----------
    number : int
        1 is the first of the project.
    path : Path
    base : BaseModel
    card : dict
    thresholds : dict of str to float
    """

    number: int
    path: Path
    base: BaseModel
    card: Mapping[str, Any] = field(repr=False)
    thresholds: Mapping[str, float] = field(repr=False, default_factory=dict)

    @property
    def title(self) -> str:
        """What people call it: its number."""
        return f"{self.number:03d}"

    @property
    def made(self) -> str:
        """When, in UTC and ISO 8601; "" where the card does not say."""
        return str(self.card.get("made", ""))

    @property
    def n_objects(self) -> int:
        """Corrected objects that it was trained or measured on."""
        corrections = self.card.get("corrections", {})
        sides = (corrections.get(name, {}) for name in ("trained_on", "held_out"))
        return sum(sum(side.values()) for side in sides)

    @property
    def dice(self) -> float:
        """Mean over classes of the Dice after training; nan where nothing was measured."""
        found = list(self.card.get("after", {}).get("dice", {}).values())
        return sum(found) / len(found) if found else math.nan

    def read(self) -> Adapter:
        """The adapter itself.

        Raises
        ------
        ModelError
            If the file is no longer what it was when it was put here.
        """
        if not file_sha256(self.path, error=ModelError).startswith(self.path.stem[-_DIGITS:]):
            raise ModelError(
                f"“{self.path}” was changed after it was written: use another training, or the "
                "base model."
            )
        return read_adapter(self.path)


@dataclass(frozen=True)
class ShelfContent:
    """What is on a shelf.

    Attributes
    ----------
    adapters : tuple of ShelvedAdapter
        By number.
    active : int or None
        Number of the one in use; None is the base model.
    damaged : tuple of str
        One sentence for each file that can't be used.
    """

    adapters: tuple[ShelvedAdapter, ...] = ()
    active: int | None = None
    damaged: tuple[str, ...] = ()

    def get(self, number: int | None) -> ShelvedAdapter | None:
        """The adapter of a number."""
        return next((one for one in self.adapters if one.number == number), None)

    def before(self, number: int | None) -> int | None:
        """Where to roll back to from a number: the training before; None is the base model."""
        earlier = [one.number for one in self.adapters if number and one.number < number]
        return max(earlier, default=None)


class AdapterShelf:
    """The folder ``models`` of a project.

    Parameters
    ----------
    project : Path
        Folder of the project.

    Attributes
    ----------
    folder : Path
    """

    def __init__(self, project: Path) -> None:
        self.folder = Path(project) / FOLDER_NAME

    def look(self) -> ShelfContent:
        """Everything that is there; what can't be read is named and left out."""
        found, damaged = [], []
        for path in self._files():
            try:
                found.append(_described(path))
            except ModelError as error:
                damaged.append(str(error))
        found.sort(key=lambda one: one.number)
        active = None
        try:
            active = self._active(tuple(found))
        except ModelError as error:
            damaged.append(str(error))
        return ShelfContent(tuple(found), active, tuple(damaged))

    def add(self, adapter: Adapter) -> ShelvedAdapter:
        """Put an adapter under the next number; it is not in use by that.

        Raises
        ------
        ModelError
            If the folder can't be written.
        """
        return self._put(adapter.to_bytes())

    def activate(self, number: int | None) -> None:
        """Use an adapter from now on; None is the base model.

        Raises
        ------
        ModelError
            If there is none of that number, or the folder can't be written.
        """
        chosen = self.look().get(number)
        if number is not None and chosen is None:
            raise ModelError(
                f"There is no training {number:03d} in “{self.folder}”: choose one of the list."
            )
        body = {
            "format": _ACTIVE_FORMAT,
            "version": _VERSION,
            "active": None if chosen is None else chosen.path.name,
        }
        with self._locked():
            text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
            atomic_write_text(self.folder / ACTIVE_NAME, text, error=ModelError)

    def take_over(self, other: AdapterShelf) -> None:
        """Put copies of another shelf's adapters here, and use the one that is used there.

        Raises
        ------
        ModelError
            If a file can't be copied.
        """
        there = other.look()
        for one in there.adapters:
            with reading(one.path, ModelError):
                content = one.path.read_bytes()
            copy = self._put(content)
            if one.number == there.active:
                self.activate(copy.number)

    @contextmanager
    def training_folder(self) -> Iterator[Path]:
        """Where finished epochs wait while training runs; deleted once it has ended well.

        Raises
        ------
        ModelError
            If it can't be made.
        """
        folder = self.folder / TRAINING_NAME
        with writing(folder, ModelError):
            folder.mkdir(parents=True, exist_ok=True)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)

    def _put(self, content: bytes) -> ShelvedAdapter:
        digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
        with self._locked():
            number = 1 + max((_number(path) for path in self._files()), default=0)
            path = self.folder / f"{number:03d}-{digest}{SUFFIX}"
            atomic_write_bytes(path, content, error=ModelError)
        return _described(path)

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        with reading(self.folder, ModelError):
            paths = list(self.folder.glob(f"*{SUFFIX}"))
        return [p for p in paths if _number(p) and not p.name.startswith(TEMPORARY_PREFIX)]

    def _active(self, found: tuple[ShelvedAdapter, ...]) -> int | None:
        path = self.folder / ACTIVE_NAME
        if not path.is_file():
            return None
        try:
            with reading(path, ModelError):
                body = json.loads(path.read_bytes())
            if body["format"] != _ACTIVE_FORMAT:
                raise ValueError(body["format"])
            name = body["active"]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"“{path}” is damaged: the base model is used until you activate a training."
            ) from error
        numbers = {one.path.name: one.number for one in found}
        if name is not None and name not in numbers:
            raise ModelError(
                f"The training in use, “{self.folder / str(name)}”, is missing or damaged: the "
                "base model is used until you activate another."
            )
        return numbers.get(name)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with writing(self.folder, ModelError):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / _LOCK_NAME)
            try:
                lock.acquire(timeout=_PATIENCE_S)
            except Timeout as failure:
                raise ModelError(
                    f"Another program is writing to “{self.folder}”: try again when it is done."
                ) from failure
            try:
                remove_unfinished(self.folder, error=ModelError)
                yield
            finally:
                lock.release()


def _described(path: Path) -> ShelvedAdapter:
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[FORMAT])
        thresholds = {str(name): float(value) for name, value in facts["thresholds"].items()}
        base, card = BaseModel(**facts["base"]), dict(facts["card"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"“{path}” is missing, damaged or no adapter of napari-vlseg: it is left out."
        ) from error
    return ShelvedAdapter(_number(path), path, base, card, thresholds)


def _number(path: Path) -> int:
    """Number that a file's name begins with; 0 where it is none of the shelf's."""
    number, _, digest = path.stem.partition("-")
    return int(number) if number.isdecimal() and len(digest) == _DIGITS else 0
