"""What is recorded about the person, and how to turn it off.

See docs/privacy.md.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_config_path

from napari_vlseg.corrections.documents import now
from napari_vlseg.errors import VlsegError
from napari_vlseg.files import atomic_write_text

ENVIRONMENT_NAME = "NAPARI_VLSEG_ANNOTATOR"
OFF = "off"
FILE_NAME = "annotator.txt"

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def annotator_id() -> str:
    """Opaque id of the person at this computer, "" where nothing is to be recorded.

    It is random, made once, and kept in the settings folder of the user. The environment
    variable ``NAPARI_VLSEG_ANNOTATOR`` takes its place; ``off`` there or in the file
    ``annotator.txt`` turns recording off.
    """
    chosen = _chosen()
    if chosen == OFF:
        return ""
    return chosen or _made()


def is_recorded() -> bool:
    """Whether ids, exact times and seconds may be recorded."""
    return _chosen() != OFF


def clock() -> Callable[[], str]:
    """What tells the time for a record: to the microsecond, or only the day if turned off."""
    return now if is_recorded() else today


def today() -> str:
    """The day in UTC as a time in ISO 8601."""
    return day_of(now())


def day_of(time: str) -> str:
    """The day of a time in ISO 8601, as such a time; text that is none becomes empty."""
    return f"{time[:10]}T00:00:00.000000Z" if _DAY.match(time) else ""


def id_path() -> Path:
    """The file that holds the id."""
    return user_config_path("napari-vlseg", appauthor=False) / FILE_NAME


def _chosen() -> str:
    """What the environment or the file says, "" if neither."""
    chosen = os.environ.get(ENVIRONMENT_NAME, "").strip()
    if not chosen:
        try:
            chosen = id_path().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            chosen = ""
    return OFF if chosen.lower() == OFF else chosen


def _made() -> str:
    made = uuid.uuid4().hex
    try:
        id_path().parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(id_path(), f"{made}\n")
    except (OSError, VlsegError):
        return ""  # an id that is another one each time would say nothing
    return made
