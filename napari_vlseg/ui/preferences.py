"""What the window remembers from one session to the next."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from platformdirs import user_config_path

from napari_vlseg.errors import ProjectError, SettingsError
from napari_vlseg.files import atomic_write_text
from napari_vlseg.ui.composing import Policy

LOG = logging.getLogger("napari_vlseg")

FILE_NAME = "preferences.json"


@dataclass(frozen=True)
class Preferences:
    """Choices of a person.

    Attributes
    ----------
    policy : {"keep", "replace", "add", "ask"}
        What becomes of labels that are there already.
    live : bool
        Whether the model learns while the person works.
    live_every : int
        After so many objects that were decided about.
    scope : {"view", "plane", "range", "stack"}
        What Segment works on, where it makes sense for the image.
    planes : str
        Planes of a range, counted from 1.
    """

    policy: Policy = "ask"
    live: bool = False
    live_every: int = 10
    scope: Literal["view", "plane", "range", "stack"] = "plane"
    planes: str = "1-5"

    def __post_init__(self) -> None:
        if not isinstance(self.live, bool) or not isinstance(self.live_every, int):
            raise SettingsError("Learning while you work is on or off, after a number of objects.")
        if self.live_every < 1:
            raise SettingsError(
                f"The model can't learn after every {self.live_every} objects: choose 1 or more."
            )
        if self.scope not in ("view", "plane", "range", "stack") or not isinstance(
            self.planes, str
        ):
            raise SettingsError("Segment works on the view, the plane, a range or the stack.")
        if self.policy not in get_args(Policy):
            raise SettingsError(
                f"The merge policy “{self.policy}” is unknown: choose "
                f"{', '.join(get_args(Policy))}."
            )


def preferences_path() -> Path:
    """The file that holds them."""
    return user_config_path("napari-vlseg", appauthor=False) / FILE_NAME


def load_preferences() -> Preferences:
    """What was chosen last; where the file is damaged, as if nothing had been chosen."""
    path = preferences_path()
    try:
        body = json.loads(path.read_text("utf-8"))
        names = {one.name for one in fields(Preferences)}
        return Preferences(**{name: value for name, value in body.items() if name in names})
    except FileNotFoundError:
        return Preferences()
    except (OSError, ValueError, TypeError, AttributeError, SettingsError) as error:
        LOG.warning("the preferences in %s can't be read and are not used: %s", path, error)
        return Preferences()


def remember(**choices: Any) -> None:
    """Keep choices for the next session; one that can't be written is only logged.

    Raises
    ------
    SettingsError
        If a choice is none that there is.
    """
    path = preferences_path()
    chosen = replace(load_preferences(), **choices)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(path, json.dumps(asdict(chosen), indent=1))
    except (OSError, ProjectError) as error:
        LOG.warning("the preferences can't be kept in %s: %s", path, error)
