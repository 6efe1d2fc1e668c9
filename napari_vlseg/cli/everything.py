"""``napari-vlseg segment --everything``: which options go with it, and its work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Work
from napari_vlseg.images import Channel
from napari_vlseg.models.base import PromptableSegmenter
from napari_vlseg.workflow.batch import Outcome, write_proposals
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.everything import EverythingSettings, segment_everything
from napari_vlseg.workflow.fingerprints import model_identity
from napari_vlseg.workflow.jobs import Job


def check_goes_with_everything(given: Mapping[str, object]) -> None:
    """Refuse options that say what to look for, or how a text model does.

    Parameters
    ----------
    given : mapping
        Option as it is typed, and its value; what is empty, None or False was not given.

    Raises
    ------
    SettingsError
        Naming the first option that does not go with ``--everything``.
    """
    for option, value in given.items():
        if value is not None and value is not False and value != []:
            raise SettingsError(
                f"--everything outlines all objects with a click model, so {option} says "
                "nothing to it: leave out one of the two."
            )


def everything_in_files(
    jobs: Sequence[Job],
    model: PromptableSegmenter,
    *,
    threshold: float | None,
    min_size: int,
    index: Sequence[int],
    channels: Sequence[Channel],
    cache: EmbeddingCache | None,
    redo: bool,
) -> Work[tuple[Outcome, ...]]:
    """Outline all objects of image files; a threshold is the lowest predicted IoU.

    Parameters and errors are those of `napari_vlseg.workflow.batch.write_proposals` and
    `napari_vlseg.workflow.everything.EverythingSettings`.
    """
    settings = EverythingSettings(min_size=min_size)
    if threshold is not None:
        settings = EverythingSettings(min_size=min_size, least_score=threshold)
    work = partial(segment_everything, model, cache=cache, settings=settings)
    question = {"models": [model_identity(model.info)], "everything": asdict(settings)}
    return write_proposals(jobs, work, question, index=index, channels=channels, redo=redo)
