"""The prompt table of a project."""

from __future__ import annotations

from pathlib import Path

from napari_vlseg.corrections.documents import damage_told
from napari_vlseg.corrections.journal import Journal
from napari_vlseg.corrections.labels import keep_copy
from napari_vlseg.errors import ProjectError, PromptError
from napari_vlseg.files import file_sha256, reading
from napari_vlseg.prompts import PromptTable

PROMPTS_NAME = "prompts.json"


class PromptsFile:
    """``prompts.json``; knows which version it last read or wrote.

    Parameters
    ----------
    folder : Path
        The project folder.
    journal : Journal
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._path = folder / PROMPTS_NAME
        self._journal = journal
        self._known: str | None = None

    def save(self, table: PromptTable) -> None:
        """Write the table; see `Project.save_prompts`."""
        with self._journal.locked(self._path.parent):
            if self._path.exists() and file_sha256(self._path) != self._known:
                keep_copy(self._path, self._journal)
            self._journal.write("save_prompts", self._path, table.to_json().encode("utf-8"))
            self._known = file_sha256(self._path)

    def load(self) -> PromptTable:
        """Read the table; see `Project.load_prompts`."""
        if not self._path.exists():
            return PromptTable()
        with reading(self._path), damage_told(self._path):
            text = self._path.read_text("utf-8")
        try:
            table = PromptTable.from_json(text)
        except PromptError as failure:
            raise ProjectError(f"“{self._path}” can't be read: {failure}") from failure
        self._known = file_sha256(self._path)
        return table
