"""Files, folders and patterns as they are typed, and the images that are meant."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from napari_vlseg.errors import ImageError
from napari_vlseg.ome_zarr import is_zarr
from napari_vlseg.workflow.worklist import EVERY_FILE, image_suffixes, list_files, natural_key

_NAMED = 3


@dataclass(frozen=True)
class InputImage:
    """One image of a batch.

    Attributes
    ----------
    path : pathlib.Path
    below : pathlib.PurePath
        Folder below the folder of results that its files go to: where the image lies below
        the folder that was typed. ``.`` for an image that was named itself.
    is_named : bool
        Whether the person named this very file; else it was found in a folder or by a
        pattern.
    """

    path: Path
    below: PurePath = field(default_factory=PurePath)
    is_named: bool = True


@dataclass(frozen=True)
class _Source:
    """A folder, and which of its files are meant."""

    folder: Path
    pattern: str
    typed: str


def find_inputs(
    given: Sequence[str | Path], out: Path | None = None
) -> tuple[tuple[InputImage, ...], tuple[Path, ...]]:
    """The images that are meant by files, folders and patterns.

    Parameters
    ----------
    given : sequence of str or pathlib.Path
        A file; a folder, for the images directly in it; or a pattern such as
        ``"slides/**/*.tif"``, for which ``*`` stands for any part of a name and ``**`` for
        folders. What exists is never taken for a pattern. A Zarr group is one image.
    out : pathlib.Path, optional
        Folder of the results: what lies in it is not found, so that labels of an earlier run
        are no images of the next.

    Returns
    -------
    tuple of InputImage
        In the order given; those of a folder or pattern in the order of a person who counts.
        No file is there twice.
    tuple of pathlib.Path
        Files in the folders that are no images by their names.

    Raises
    ------
    ImageError
        If a folder or a pattern gives no image, or the results would lie among the images.

    Examples
    --------
    >>> images, others = find_inputs(["a.tif", "b.tif"])
    >>> [str(image.path) for image in images]
    ['a.tif', 'b.tif']
    """
    sources = [_source(str(one)) for one in given]
    root = _common_root([source.folder for source in sources if source is not None])
    images: dict[Path, InputImage] = {}
    others: list[Path] = []
    for typed, source in zip(given, sources, strict=True):
        if source is None:
            found = [InputImage(Path(typed))]
        else:
            found, left = _find(source, root, out)
            others += left
        for image in found:
            place = image.path.resolve()
            if image.is_named or place not in images:
                images[place] = image
    return tuple(images.values()), tuple(dict.fromkeys(others))


def left_out(others: Sequence[Path]) -> str:
    """One sentence about files that are no images."""
    names = ", ".join(path.name for path in others[:_NAMED])
    more = ", …" if len(others) > _NAMED else ""
    files = (
        "1 file is no image and is"
        if len(others) == 1
        else f"{len(others)} files are no images and are"
    )
    return f"{files} left out: {names}{more}"


def _source(typed: str) -> _Source | None:
    """What a folder or a pattern means; None for everything else."""
    path = Path(typed)
    if path.is_dir():
        return None if is_zarr(path) else _Source(path, EVERY_FILE, typed)
    if path.exists() or not glob.has_magic(typed):
        return None
    parts = path.parts
    first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return _Source(Path(*parts[:first]), "/".join(parts[first:]), typed)


def _common_root(folders: Sequence[Path]) -> Path | None:
    """The deepest folder that all lie in; None without folders, or on several drives."""
    try:
        return Path(os.path.commonpath([folder.absolute() for folder in folders]))
    except ValueError:
        return None


def _find(
    source: _Source, root: Path | None, out: Path | None
) -> tuple[list[InputImage], list[Path]]:
    folder = source.folder.absolute()
    if out is not None and folder.resolve() == out.resolve():
        raise ImageError(
            f"The labels would lie among the images of “{source.folder}”: choose another folder "
            "for them, for example one in it."
        )
    images, others = [], []
    for path in _files(source) if folder.is_dir() else ():
        if out is not None and _lies_in(path, out, folder):
            continue
        below = path.parent.relative_to(root or folder.parent)
        if path.is_dir() or path.suffix.lower() in image_suffixes():
            images.append(InputImage(source.folder / path.relative_to(folder), below, False))
        else:
            others.append(path)
    if not images:
        raise ImageError(
            f"“{source.typed}” gives no images: check the folder, and put a pattern in quotes, "
            'such as "slides/**/*.tif".'
        )
    return images, others


def _files(source: _Source) -> list[Path]:
    """Files and Zarr groups, without the files of the latter."""
    groups = set(_zarr_groups(source))
    files = [
        path
        for path in list_files(source.folder, source.pattern)
        if groups.isdisjoint(path.parents)
    ]
    return sorted([*files, *groups], key=natural_key)


def _zarr_groups(source: _Source) -> Iterator[Path]:
    """The outermost Zarr groups that a pattern finds."""
    found: set[Path] = set()
    folder = source.folder.absolute()
    for path in sorted(folder.glob(source.pattern)):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and found.isdisjoint(path.parents) and path.is_dir() and is_zarr(path):
            found.add(path)
            yield path


def _lies_in(path: Path, out: Path, folder: Path) -> bool:
    """Whether a file is one of the results, which lie in a folder below that of the images."""
    out = out.resolve()
    return out.is_relative_to(folder.resolve()) and path.resolve().is_relative_to(out)
