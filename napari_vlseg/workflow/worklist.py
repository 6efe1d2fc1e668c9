"""A folder of images as a project that is gone through image by image."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePath

from PIL import Image

from napari_vlseg.corrections.entry import ImageEntry
from napari_vlseg.corrections.store import PROJECT_NAME, Project
from napari_vlseg.corrections.worklist import Worklist, WorklistFile
from napari_vlseg.errors import ProjectError
from napari_vlseg.files import TEMPORARY_PREFIX, reading
from napari_vlseg.images import SourceImage, pixels_sha256, read_image

EVERY_FILE = "*"
"""Pattern of the images that lie directly in a folder."""
BELOW_TOO = "**/*"
"""Pattern of all images in a folder and the folders in it."""

_TIFF_SUFFIXES = {".tif", ".tiff", ".btf", ".tf8", ".svs", ".ndpi", ".scn", ".qptiff", ".lsm"}
_NO_PICTURES = {".pdf", ".ps", ".eps", ".mpg", ".mpeg", ".h5", ".hdf", ".grib", ".bufr"}
_NUMBER = re.compile(r"(\d+)")


def image_suffixes() -> frozenset[str]:
    """Suffixes of the files that `napari_vlseg.images.read_image` reads, in lower case."""
    Image.init()
    return frozenset(_TIFF_SUFFIXES | set(Image.registered_extensions())) - _NO_PICTURES


def find_images(folder: Path, pattern: str = EVERY_FILE) -> tuple[Path, ...]:
    """Image files of a folder by their names, in the order of a person who counts: 2 before 10.

    No file is opened. Hidden files are left out, and so are projects and what is in them.

    Raises
    ------
    ProjectError
        If there is no such folder, or the pattern is no relative one.
    """
    suffixes = image_suffixes()
    found = list_files(folder, pattern)
    return tuple(path for path in found if path.suffix.lower() in suffixes)


def list_files(folder: Path, pattern: str = EVERY_FILE) -> tuple[Path, ...]:
    """Files of a folder, images and others; order, what is left out and errors as `find_images`."""
    folder = Path(folder).absolute()
    with reading(folder):
        os.scandir(folder).close()
    found = _listed(folder) if pattern == EVERY_FILE else _matched(folder, pattern)
    return tuple(sorted(found, key=natural_key))


def default_project(folder: Path) -> Path:
    """Where the project of a folder of images goes: beside it."""
    folder = Path(folder).absolute()
    return folder.with_name(f"{folder.name}-vlseg")


def plan_worklist(images: Sequence[Path], pattern: str | None = None) -> Worklist:
    """A list of what was named: one folder, or files; a folder among files is looked into.

    Parameters
    ----------
    images : sequence of Path
    pattern : str, optional
        Which files of a folder, as `pathlib.Path.glob` takes it; all images directly in it
        when omitted.

    Raises
    ------
    ProjectError
        If there is no image.
    """
    paths = [_place(Path(path)) for path in images]
    folders = [path for path in paths if path.is_dir()]
    files = [
        file
        for path in paths
        for file in (find_images(path, pattern or EVERY_FILE) if path in folders else [path])
    ]
    missing = next((path for path in files if not path.is_file()), None)
    if missing is not None:
        raise ProjectError(f"There is no file “{missing}”: check the path.")
    if not files:
        raise ProjectError(
            f"“{paths[0] if paths else ''}” holds no images: choose a folder with TIFF, PNG or "
            "JPEG files in it."
        )
    if len(paths) == 1 and folders:
        return Worklist(paths[0], pattern or EVERY_FILE).with_files(files)
    root = Path(os.path.commonpath([file.parent for file in files]))
    return Worklist(root).with_files(files)


def make_project(out: Path, planned: Worklist, *, annotator: str = "") -> Project:
    """Make a project of a list, or add what is new in the list to a project that is there.

    Raises
    ------
    ProjectError
        If `out` holds other files, or can't be written.
    """
    out = Path(out).absolute()
    is_there = (out / PROJECT_NAME).is_file()
    project = Project.open(out) if is_there else Project.create(out, annotator=annotator)
    files = [planned.root / item.path for item in planned.items]

    def extended(found: Worklist | None) -> Worklist:
        return planned if found is None else found.with_files(files)

    WorklistFile(out, project.annotator).change(extended)
    return project


def worklist_of(project: Project) -> Worklist:
    """The list of a project, with the images that were added to it by other ways.

    A project without a list is gone through in the order in which its images were added.

    Raises
    ------
    ProjectError
        If the list is damaged.
    """
    found = WorklistFile(project.folder).load() or Worklist(project.folder)
    listed = found.with_images({entry.id: file_of(entry) for entry in project.images})
    return replace(listed, current=min(listed.current, max(0, len(listed) - 1)))


def new_files(worklist: Worklist) -> tuple[Path, ...]:
    """Files that appeared in the folder of a list since it was made; no file is opened."""
    if worklist.pattern is None or not worklist.root.is_dir():
        return ()
    known = {item.path for item in worklist.items}
    return tuple(
        path
        for path in find_images(worklist.root, worklist.pattern)
        if path.relative_to(worklist.root).as_posix() not in known
    )


def take_up(project: Project, worklist: Worklist, position: int) -> tuple[ImageEntry, SourceImage]:
    """An image of a list as an entry of the project, which is made at the first time.

    Returns
    -------
    ImageEntry
    SourceImage
        Its pixels.

    Raises
    ------
    ProjectError, ImageError
        If the image can't be read, its pixels changed since, or the project can't be written.
    """
    item = worklist.items[position]
    known = {entry.id: entry for entry in project.images}.get(item.image)
    if known is not None:
        return known, known.load_image()
    file = worklist.file(position)
    if file is None:
        raise ProjectError(
            f"The image “{item.name}” is not in the project any more: put its folder back."
        )
    source = read_image(file)
    return add_source(project, source), source


def add_source(project: Project, source: SourceImage) -> ImageEntry:
    """An image that was read from a file as an entry of a project."""
    digest = pixels_sha256(source.data)
    return project.add_image(
        source.name,
        source_path=source.path,
        pixels_sha256=digest,
        shape=source.data.shape,
        dtype=source.data.dtype,
        axes=_axes(source),
        pixel_size=source.pixel_size,
        unit=source.unit,
    )


def _axes(source: SourceImage) -> str:
    """One letter for each dimension, empty where there are more than are known."""
    view, n_axes = source.view, source.data.ndim
    channel = None if view.channel_axis is None else view.channel_axis % n_axes
    rest = [axis for axis in range(n_axes - view.rgb) if axis != channel]
    letters = dict(zip(reversed(rest), "XYZT", strict=False))
    if len(rest) > len(letters):
        return ""
    if channel is not None:
        letters[channel] = "C"
    if view.rgb:
        letters[n_axes - 1] = "S"
    return "".join(letters[axis] for axis in range(n_axes))


def _place(path: Path) -> Path:
    """Where a file or folder is, by links too; a link to an image keeps its name."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def file_of(entry: ImageEntry) -> Path | None:
    return None if entry.is_embedded or not entry.absolute_path else Path(entry.absolute_path)


def _listed(folder: Path) -> Iterable[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # it went away meanwhile
                if not entry.name.startswith(".") and entry.is_file():
                    yield Path(entry.path)


def _matched(folder: Path, pattern: str) -> Iterable[Path]:
    projects: dict[Path, bool] = {}

    def in_project(path: Path) -> bool:
        if path not in projects:
            inside = path != folder and in_project(path.parent)
            projects[path] = inside or (path / PROJECT_NAME).is_file()
        return projects[path]

    try:
        for path in folder.glob(pattern):
            parts = path.relative_to(folder).parts
            hidden = any(part.startswith((".", TEMPORARY_PREFIX)) for part in parts)
            if not hidden and path.is_file() and not in_project(path.parent):
                yield path
    except (ValueError, NotImplementedError) as failure:
        raise ProjectError(
            f"“{pattern}” is no pattern of files in a folder: give one such as *.tif or **/*.png."
        ) from failure


def natural_key(path: PurePath) -> list[tuple[int, int | str]]:
    """Sorts paths as a person counts: 2 before 10, capitals beside small letters."""
    parts = _NUMBER.split(path.as_posix().casefold())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
