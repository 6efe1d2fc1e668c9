"""``napari-vlseg segment --everything``: which options go with it, and what it asks."""

from __future__ import annotations

from collections.abc import Mapping

from napari_vlseg.errors import SettingsError
from napari_vlseg.workflow.everything import EverythingSettings
from napari_vlseg.workflow.plane_tasks import EverythingQuestion


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


def everything_question(threshold: float | None, min_size: int) -> EverythingQuestion:
    """What is asked; a threshold is the lowest predicted IoU.

    Raises
    ------
    SettingsError
        See `napari_vlseg.workflow.everything.EverythingSettings`.
    """
    if threshold is None:
        return EverythingQuestion(EverythingSettings(min_size=min_size))
    return EverythingQuestion(EverythingSettings(min_size=min_size, least_score=threshold))
