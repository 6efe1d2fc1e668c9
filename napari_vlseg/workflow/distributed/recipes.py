"""How a worker gets a model that this machine only knows by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from napari_vlseg.errors import ModelError
from napari_vlseg.files import reading


@dataclass(frozen=True)
class ModelRecipe:
    """What a worker loads a model by.

    Attributes
    ----------
    name : str
        A registered name, or a path that means the same on every worker.
    precision : str
        See `napari_vlseg.models.devices.PRECISIONS`.
    offline : bool or None
        Whether workers may download it, see `napari_vlseg.models.registry.load`.
    content : bytes
        The file itself where it is an adapter, so that workers need not have it.
    """

    name: str
    precision: str = "auto"
    offline: bool | None = None
    content: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, name: str, *, precision: str = "auto", offline: bool | None = None) -> ModelRecipe:
        """The recipe of a model by the name or path that a person typed.

        Raises
        ------
        ModelError
            If it is an adapter that can't be read.
        """
        from napari_vlseg.models.adapters import is_adapter

        path = Path(name).expanduser()
        if not path.exists():
            return cls(name, precision, offline)
        place = str(path.resolve())
        if not is_adapter(path):
            return cls(place, precision, offline)
        with reading(path, ModelError):
            return cls(place, precision, offline, path.read_bytes())
