"""The model in use: the one that was chosen, as the training in use left it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Notice, Work
from napari_vlseg.models.adapters import Adapter
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.ui.jobs import LoadedModel, ModelLoader, ModelSettings


@dataclass(frozen=True, eq=False)
class Training:
    """A training that is in use.

    Attributes
    ----------
    number : int
        On the shelf of the project.
    adapter : Adapter
    """

    number: int
    adapter: Adapter = field(repr=False)

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.number:03d}"


@dataclass(frozen=True, eq=False)
class Adapted:
    """A model that was made of another one by a training.

    Attributes
    ----------
    base, model : DenseSegmenter
    training : Training
    """

    base: DenseSegmenter
    training: Training
    model: DenseSegmenter


class AdaptedModel:
    """Keeps the chosen model and, beside it, what the training in use makes of it.

    A training belongs to one model. Where another is chosen, that one is used as it is.

    Parameters
    ----------
    load : callable
        Loads a model, see `napari_vlseg.ui.jobs.load_by_registry`.

    Attributes
    ----------
    base : LoadedModel
        The model without any training.
    training : Training or None
        The one in use, whether it suits the chosen model or not.
    """

    def __init__(self, load: ModelLoader) -> None:
        self.base: LoadedModel[DenseSegmenter] = LoadedModel(load)
        self.training: Training | None = None
        self._made: Adapted | None = None
        self._broken: Training | None = None

    def wear(self, training: Training | None, made: Adapted | None = None) -> None:
        """Use a training from now on, and what was made by it already; None is none."""
        self.training, self._made, self._broken = training, made, None

    def peek(self, settings: ModelSettings) -> DenseSegmenter | None:
        """The model, if it is there to be used."""
        base = self.base.peek(settings)
        return None if base is None else self._known(base)

    def get(self, settings: ModelSettings) -> Work[DenseSegmenter]:
        """The model, made where it has to be; of a training that fails it is the base model."""
        base = yield from self.base.get(settings)
        model = self._known(base)
        if model is not None:
            return model
        training = self.training
        if training is None:
            return base
        try:
            made = adapted(base, training)
        except ModelError as error:
            self._broken = training
            yield Notice(f"{error} Until then the base model is used.")
            return base
        if training is self.training:
            self._made = made
        return made.model

    def suits(self, settings: ModelSettings) -> bool:
        """Whether the training in use belongs to the model of some settings."""
        training, base = self.training, self.base.peek(settings)
        if training is None or training is self._broken:
            return False
        if base is None:
            return training.adapter.base.name == settings.name
        return belongs(base, training.adapter)

    def _known(self, base: DenseSegmenter) -> DenseSegmenter | None:
        """What is used of a loaded model, if nothing has to be made for it."""
        training, made = self.training, self._made
        if training is None or training is self._broken or not belongs(base, training.adapter):
            return base
        if made is not None and made.base is base and made.training is training:
            return made.model
        return None


def belongs(model: Any, adapter: Adapter) -> bool:
    """Whether an adapter was trained on a model."""
    info = model.info
    return not info.adapter_sha256 and info.weights_sha256 == adapter.base.weights_sha256


def adapted(base: Any, training: Training) -> Adapted:
    """What a training makes of a model.

    Raises
    ------
    ModelError
        If it takes no adapter, or not this one.
    """
    if not hasattr(base, "with_adapter"):
        raise ModelError(f"{base.info.name} takes no trainings: choose another model.")
    return Adapted(base, training, base.with_adapter(training.adapter))
