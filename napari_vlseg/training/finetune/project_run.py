"""A project's corrections taught to a model, and the adapter written."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ModelError, SettingsError
from napari_vlseg.events import Work
from napari_vlseg.files import writing
from napari_vlseg.models.adapters import SUFFIX, Adapter, write_adapter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.training.finetune.augmented import encode_variants
from napari_vlseg.training.finetune.clicks.settings import ClickSettings
from napari_vlseg.training.finetune.clicks.training import finetune_clicks
from napari_vlseg.training.finetune.company import Company
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.from_project import project_corrections
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.workflow.cache import EmbeddingCache

AnySettings: TypeAlias = FinetuneSettings | ClickSettings
T = TypeVar("T")


def finetune_project(
    folder: Path,
    model: object,
    out: Path,
    settings: AnySettings | None = None,
    *,
    cache: EmbeddingCache | None = None,
    company: Company | None = None,
) -> Work[Adapter]:
    """Teach a model what was corrected in a project.

    Variants of the images that the settings ask for are encoded first.

    Parameters
    ----------
    folder : Path
        The project.
    model : ClipSegSegmenter or SamSegmenter
        The base model: for text, or for clicks.
    out : Path
        File of the adapter. Finished epochs wait in a folder beside it while training runs.
    settings : FinetuneSettings or ClickSettings, optional
        See `settings_for`.
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
    SettingsError
        If the settings are those of another kind of model.
    ProjectError
        If the project can't be read.
    PromptError
        If nothing was corrected.
    """
    base = trainable_model(model)
    if out.suffix != SUFFIX:
        raise ModelError(f"“{out}” is no name for an adapter: let it end in {SUFFIX}.")
    project = Project.open(folder)
    planes = yield from project_corrections(project)
    waiting = out.with_name(f".{out.stem}.training")
    with writing(waiting, ModelError):
        waiting.mkdir(parents=True, exist_ok=True)
    company = company or Company()
    if isinstance(base, SamSegmenter):
        _require_alone(company)
        mine = _checked(settings, ClickSettings)
        adapter = yield from finetune_clicks(base, planes, mine, cache=cache, folder=waiting)
    else:
        table = with_rows_for(project.load_prompts(), planes)
        own = _checked(settings, FinetuneSettings) or FinetuneSettings()
        if own.augment and not own.trains_tower:
            cache = EmbeddingCache() if cache is None else cache
            yield from encode_variants(base, planes, cache, own.augment)
        adapter = yield from finetune(
            base, table, planes, own, cache=cache, folder=waiting, company=company
        )
    if company.is_main:
        write_adapter(out, adapter)
        shutil.rmtree(waiting, ignore_errors=True)
    return adapter


def _require_alone(company: Company) -> None:
    if company.size > 1:
        raise ModelError(
            "Click models are trained in one process: start the command without accelerate launch."
        )


def require_trainable(model: object) -> ClipSegSegmenter:
    """The model itself, if corrections can be taught to it by text.

    Raises
    ------
    ModelError
        If it is no CLIPSeg model, or an adapted one.
    """
    if not isinstance(model, ClipSegSegmenter) or _is_adapted(model):
        raise ModelError(
            f"{_name(model)} can't be fine-tuned: choose a CLIPSeg model as it was published, such "
            "as vlseg-mini."
        )
    return model


def trainable_model(model: object) -> ClipSegSegmenter | SamSegmenter:
    """The model itself, if corrections can be taught to it, by text or by clicks.

    Raises
    ------
    ModelError
        If it is neither a CLIPSeg model nor one of the SAM family, or an adapted one.
    """
    if not isinstance(model, ClipSegSegmenter | SamSegmenter) or _is_adapted(model):
        raise ModelError(
            f"{_name(model)} can't be fine-tuned: choose a model as it was published, such as "
            "vlseg-mini for text or sam-mini for clicks."
        )
    return model


def _is_adapted(model: ClipSegSegmenter | SamSegmenter) -> bool:
    return bool(model.info.adapter_sha256)


def _name(model: object) -> str:
    return str(getattr(getattr(model, "info", None), "name", "This model"))


def settings_for(model: object, **chosen: Any) -> AnySettings:
    """Settings for the kind of a model.

    Parameters
    ----------
    model : ClipSegSegmenter or SamSegmenter
    **chosen
        Fields of `FinetuneSettings` or `ClickSettings`; what is None takes its default.

    Raises
    ------
    SettingsError
        If a value does not suit the kind of model.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    kind = ClickSettings if isinstance(model, SamSegmenter) else FinetuneSettings
    known = {one.name for one in fields(kind)}
    for name in given:
        if name not in known:
            raise SettingsError(f"{_name(model)} is trained without “{name}”: leave it out.")
    return kind(**given)


def _checked(settings: AnySettings | None, kind: type[T]) -> T | None:
    if settings is None or isinstance(settings, kind):
        return settings
    raise SettingsError(
        f"{type(settings).__name__} belongs to another kind of model: give {kind.__name__}."
    )


def with_rows_for(table: PromptTable, planes: tuple[CorrectedPlane, ...]) -> PromptTable:
    """The table with a row for each corrected class that it lacks, asked for by its name."""
    known = {row.name for row in table.rows}
    names = dict.fromkeys(name for plane in planes for name in plane.objects.values() if name)
    added = tuple(ClassPrompt(name, phrases=(name,)) for name in names if name not in known)
    return replace(table, rows=(*table.rows, *added)) if added else table
