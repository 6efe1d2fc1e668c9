"""Hooks of mkdocs: they put the gallery and the numbers of the models into the pages."""

from __future__ import annotations

import facts
import gallery
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_GALLERY_PAGE, _GALLERY_MARK = "gallery.md", "<!-- gallery -->"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pictures, which exist in memory alone."""
    for one in gallery.exhibits():
        files.append(File.generated(config, one.path, content=one.picture))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in what is only known now."""
    if page.file.src_uri == _GALLERY_PAGE:
        markdown = markdown.replace(_GALLERY_MARK, gallery.as_markdown(gallery.exhibits()))
    return facts.fill(markdown)
