"""A project's corrections taught to a model, and the adapter written."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ModelError
from napari_vlseg.events import Work
from napari_vlseg.files import writing
from napari_vlseg.models.adapters import SUFFIX, Adapter, write_adapter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.training.finetune.company import Company
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.from_project import project_corrections
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.workflow.cache import EmbeddingCache


def finetune_project(
    folder: Path,
    model: object,
    out: Path,
    settings: FinetuneSettings | None = None,
    *,
    cache: EmbeddingCache | None = None,
    company: Company | None = None,
) -> Work[Adapter]:
    """Teach a text model what was corrected in a project.

    Parameters
    ----------
    folder : Path
        The project.
    model : ClipSegSegmenter
        The base model.
    out : Path
        File of the adapter. Finished epochs wait in a folder beside it while training runs.
    settings : FinetuneSettings, optional
    cache : EmbeddingCache, optional
    company : Company, optional
        Processes that train together; the main one writes.

    Yields
    ------
    Progress, Notice or Epoch

    Returns
    -------
    Adapter
        As it was written.

    Raises
    ------
    ModelError
        If the model can't be fine-tuned, or `out` is no name for an adapter.
    ProjectError
        If the project can't be read.
    PromptError
        If nothing was corrected.
    """
    base = require_trainable(model)
    if out.suffix != SUFFIX:
        raise ModelError(f"“{out}” is no name for an adapter: let it end in {SUFFIX}.")
    project = Project.open(folder)
    planes = yield from project_corrections(project)
    waiting = out.with_name(f".{out.stem}.training")
    with writing(waiting, ModelError):
        waiting.mkdir(parents=True, exist_ok=True)
    table = with_rows_for(project.load_prompts(), planes)
    adapter = yield from finetune(
        base, table, planes, settings, cache=cache, folder=waiting, company=company
    )
    if company is None or company.is_main:
        write_adapter(out, adapter)
        shutil.rmtree(waiting, ignore_errors=True)
    return adapter


def require_trainable(model: object) -> ClipSegSegmenter:
    """The model itself, if corrections can be taught to it.

    Raises
    ------
    ModelError
        If it is no CLIPSeg model, or an adapted one.
    """
    if not isinstance(model, ClipSegSegmenter) or model.info.adapter_sha256:
        name = getattr(getattr(model, "info", None), "name", "This model")
        raise ModelError(
            f"{name} can't be fine-tuned: choose a CLIPSeg model as it was published, such as "
            "vlseg-mini."
        )
    return model


def with_rows_for(table: PromptTable, planes: tuple[CorrectedPlane, ...]) -> PromptTable:
    """The table with a row for each corrected class that it lacks, asked for by its name."""
    known = {row.name for row in table.rows}
    names = dict.fromkeys(name for plane in planes for name in plane.objects.values() if name)
    added = tuple(ClassPrompt(name, phrases=(name,)) for name in names if name not in known)
    return replace(table, rows=(*table.rows, *added)) if added else table
