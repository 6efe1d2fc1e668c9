"""Hooks of mkdocs: they put pictures, keys and the numbers of the models into the pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import evidence
import facts
import figures
import gallery
import lessons
import shortcuts
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_MAKERS: dict[str, Callable[[str], str]] = {
    "evidence": evidence.learning,
    "gallery": lambda _: gallery.as_markdown(gallery.exhibits()),
    "keys": shortcuts.table,
    "lesson": lessons.ALBUM.markdown,
    "models": facts.models,
    "picture": figures.ALBUM.markdown,
}
"""What ``<!-- NAME what -->`` in a page becomes; the name alone asks for all there is."""
_MARK = re.compile(rf"<!-- ({'|'.join(_MAKERS)})(?: ([\w-]+))? -->")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pictures, which exist in memory alone."""
    drawn = {one.path: one.picture for one in gallery.exhibits()}
    drawn |= figures.ALBUM.pictures | lessons.ALBUM.pictures
    for path, picture in drawn.items():
        files.append(File.generated(config, path, content=picture))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in what is only known now."""
    made = _MARK.sub(lambda mark: _MAKERS[mark[1]](mark[2] or ""), markdown)
    return facts.fill(made)
