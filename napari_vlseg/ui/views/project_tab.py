"""Where the work is kept, and what is exported from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QGroupBox, QLineEdit, QWidget

from napari_vlseg.corrections.worklist import STATUSES, Status
from napari_vlseg.ui.views.guide_box import GuideBox
from napari_vlseg.ui.views.parts import column, hint, narrow_combo, push, row, tool
from napari_vlseg.ui.views.worklist_box import WorklistBox


class ProjectTab(QWidget):
    """Create, open, save and export a project."""

    create_wanted = Signal(str)
    open_wanted = Signal(str)
    folder_wanted = Signal(str)
    save_wanted = Signal()
    export_wanted = Signal(str, str, bool)

    def __init__(self, formats: Sequence[str]) -> None:
        super().__init__()
        self._state = hint()
        self._trouble = hint()
        self.save = push(
            "Save",
            "Write label images, proposals and prompts (Alt+Shift+S); edits are written at once",
            self.save_wanted.emit,
        )
        project = QGroupBox("Project")
        inside = column(project)
        inside.addWidget(self._state)
        inside.addWidget(self._trouble)
        inside.addLayout(
            row(
                push(
                    "New…",
                    "Make a project in a new or empty folder, and move what is open into it",
                    self.ask_create,
                ),
                push("Open…", "Open a project as it was left (Alt+Shift+O)", self.ask_open),
                self.save,
            )
        )
        inside.addWidget(
            push(
                "Open a folder of images…",
                "Go through a folder of images one by one; the project is made beside it, or "
                "opened where it is there",
                self.ask_folder,
            )
        )
        self.images = WorklistBox()
        self.guide = GuideBox()
        self.format = narrow_combo("tiff: pairs of images and masks · coco: COCO instances as JSON")
        self.format.addItems(list(formats))
        self.out = QLineEdit()
        self.out.setPlaceholderText("folder to export to")
        self.out.setToolTip("Folder that the data set is written to")
        self.overwrite = QCheckBox("replace files that are there")
        self.overwrite.setToolTip("Without this, an export never replaces a file")
        self.export = push(
            "Export", "Write a data set from what is saved (Alt+Shift+E)", self.report_export
        )
        export = QGroupBox("Export")
        below = column(export)
        below.addLayout(row(self.format, self.export))
        below.addLayout(row(self.out, tool("dots", "Choose the folder", self._ask_out)))
        below.addWidget(self.overwrite)
        layout = column(self)
        layout.addWidget(project)
        layout.addWidget(self.images, 1000)
        layout.addWidget(self.guide)
        layout.addWidget(export)
        layout.addStretch(1)
        self.show_project(None, dict.fromkeys(STATUSES, 0), False)

    def show_project(
        self, folder: Path | None, counts: Mapping[Status, int], busy: bool, trouble: str = ""
    ) -> None:
        """Show which project is in use, how far it is, and what keeps it from being written."""
        self._trouble.setText(f"⚠ {trouble}")
        self._trouble.setVisible(bool(trouble))
        if folder is None:
            self._state.setText(
                "A project keeps proposals and corrected labels of images in one folder. "
                "Make a new one, open one, or begin with a folder of images."
            )
        else:
            n, done = sum(counts.values()), counts["done"] + counts["skipped"]
            finished = f", {done} done or skipped" if done else ""
            self._state.setText(f"{folder}\n{n} image{'s'[: n != 1]}{finished}")
        self._state.setToolTip("" if folder is None else str(folder))
        self.save.setEnabled(folder is not None and not busy)
        self.export.setEnabled(folder is not None and not busy)
        if folder is not None and not self.out.text():
            self.out.setText(str(folder.parent / f"{folder.name}-export"))

    def ask_create(self) -> None:
        """Ask for a folder, and report it."""
        folder = QFileDialog.getExistingDirectory(self, "New or empty folder for the project")
        if folder:
            self.create_wanted.emit(folder)

    def ask_open(self) -> None:
        """Ask for a project's folder, and report it."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of a project")
        if folder:
            self.open_wanted.emit(folder)

    def ask_folder(self) -> None:
        """Ask for a folder of images, and report it."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of images")
        if folder:
            self.folder_wanted.emit(folder)

    def report_export(self) -> None:
        """Report that an export is wanted, once a folder is chosen."""
        if not self.out.text().strip():
            self._ask_out()
        if self.out.text().strip():
            self.export_wanted.emit(
                self.format.currentText(), self.out.text().strip(), self.overwrite.isChecked()
            )

    def _ask_out(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder to export to")
        if folder:
            self.out.setText(folder)
