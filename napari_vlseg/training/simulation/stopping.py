"""How often the stop estimate's interval covers the truth, in simulated projects.

A simulated project is a draw of images whose qualities are known, gone through in some order. What
the model proposes on an image and how good that is are measured once and kept in a table, so that a
thousand projects take seconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import atomic_write_text, reading
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.training.simulation.annotator import annotate
from napari_vlseg.training.simulation.learning import score_objects
from napari_vlseg.training.simulation.pools import Pool, TrueImage
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.next_images import round_after
from napari_vlseg.workflow.ordering import Look, Order, look_at, order_images
from napari_vlseg.workflow.propose import propose
from napari_vlseg.workflow.stopping import estimate_quality

_TAUGHT_OBJECTS = 60
_BATCH = 5


@dataclass(frozen=True)
class JudgedImage:
    """What a model proposes on an image, and how good that is.

    Attributes
    ----------
    pool, name : str
    quality : float
        AP@0.5 of the proposals.
    unsureness : float
        Mean uncertainty of the proposed objects; NaN without any.
    uncertainty : float
        What the order of uncertain images goes by, see `napari_vlseg.workflow.ordering.Look`.
    foreground : float
        Share of the pixels that is lit up.
    """

    pool: str
    name: str
    quality: float
    unsureness: float
    uncertainty: float
    foreground: float

    @property
    def look(self) -> Look:
        """As the orders take it."""
        feature, uncertainty = np.zeros(1, np.float32), {"": self.uncertainty}
        return Look(feature, self.foreground, uncertainty, 1, self.unsureness)


@dataclass(frozen=True)
class Coverage:
    """Simulated projects of one kind.

    Attributes
    ----------
    pool : str
    order : {"typical", "uncertain", "random"}
    round_ : int or None
        For the noise in the order of uncertain images; None where it went with the images that
        were done, as in a real project.
    n_reviewed, n_images, n_projects : int
    covered : float
        Share of the projects in which the interval holds the true mean of the unseen images.
    half_width : float
        Mean half width of the interval.
    error : float
        Mean of estimate − truth.
    """

    pool: str
    order: Order
    round_: int | None
    n_reviewed: int
    n_images: int
    n_projects: int
    covered: float
    half_width: float
    error: float


def judge(
    model: DenseSegmenter, name: str, images: Sequence[TrueImage], prompts: PromptTable
) -> Work[tuple[JudgedImage, ...]]:
    """Propose objects on images whose objects are known, and measure them.

    Yields
    ------
    Progress or Notice
    """
    found = []
    for done, image in enumerate(images):
        cache = EmbeddingCache()
        embedding = yield from encode(model, image.plane, cache=cache)
        proposals = yield from propose(model, image.plane, prompts, cache=cache)
        seen = look_at(model, embedding, proposals)
        quality, _ = score_objects(image.labels, proposals.labels)
        (uncertainty,) = seen.uncertainty.values()
        found.append(
            JudgedImage(name, image.name, quality, seen.unsureness, uncertainty, seen.foreground)
        )
        yield Progress("judging", done + 1, len(images))
    return tuple(found)


def judge_taught(model: ClipSegSegmenter, pool: Pool) -> Work[tuple[JudgedImage, ...]]:
    """The same after corrections of the pool's test images were taught: the others are judged.

    Yields
    ------
    Progress or Notice
    """
    order = range(len(pool.test))
    planes = annotate(pool.test, order, _TAUGHT_OBJECTS, pool.class_name)
    adapter = yield from finetune(model, pool.prompts, planes)
    taught = model.with_adapter(adapter)
    return (yield from judge(taught, pool.name, pool.work, pool.prompts))


def simulate_stopping(
    images: Sequence[JudgedImage],
    order: Order,
    n_reviewed: int,
    *,
    n_images: int = 60,
    n_projects: int = 200,
    round_: int | None = None,
    seed: int = 0,
) -> Coverage:
    """Draw projects, review some images of each in an order, estimate the others.

    Parameters
    ----------
    images : sequence of JudgedImage
        Of one pool. Projects are drawn from them without repeats.
    order : {"typical", "uncertain", "random"}
    n_reviewed : int
    n_images : int
        Of a project; fewer where there are fewer.
    n_projects : int
    round_ : int, optional
        See `napari_vlseg.workflow.ordering.order_images`. None orders what is left anew after
        each five images, with the noise of `napari_vlseg.workflow.next_images.round_after`.
    seed : int

    Raises
    ------
    SettingsError
        If no image would be left unseen.
    """
    size = min(n_images, len(images))
    if not 0 < n_reviewed < size:
        raise SettingsError(f"{n_reviewed} of {size} images can't be reviewed with some left.")
    rng = np.random.default_rng([seed, n_reviewed])
    covered, widths, errors = 0, [], []
    for project in range(n_projects):
        drawn = [images[place] for place in rng.choice(len(images), size, replace=False)]
        first = set(_reviewed([image.look for image in drawn], order, n_reviewed, project, round_))
        seen = [image for place, image in enumerate(drawn) if place in first]
        unseen = [image for place, image in enumerate(drawn) if place not in first]
        found = estimate_quality(
            [image.quality for image in seen],
            [image.unsureness for image in seen],
            [image.unsureness for image in unseen],
        )
        truth = float(np.mean([image.quality for image in unseen]))
        covered += found.low <= truth <= found.high
        widths.append(found.half_width)
        errors.append(found.quality - truth)
    means = (covered / n_projects, float(np.mean(widths)), float(np.mean(errors)))
    return Coverage(images[0].pool, order, round_, n_reviewed, size, n_projects, *means)


def _reviewed(
    looks: Sequence[Look], order: Order, n: int, seed: int, round_: int | None
) -> list[int]:
    """The first images of an order, which is made anew after each batch."""
    done: list[int] = []
    while len(done) < n:
        left = [place for place in range(len(looks)) if place not in done]
        noise = round_after(len(done)) if round_ is None else round_
        again = order_images([looks[place] for place in left], order, seed=seed, round_=noise)
        batch = min(_BATCH, n - len(done)) if round_ is None else n
        done += [left[place] for place in again[:batch]]
    return done


def write_judged(path: Path, images: Iterable[JudgedImage]) -> None:
    """Write a table that `read_judged` reads, one image a line."""
    lines = [json.dumps(_plain(asdict(image))) for image in images]
    atomic_write_text(path, "[\n" + ",\n".join(lines) + "\n]\n", error=SettingsError)


def read_judged(path: Path) -> dict[str, tuple[JudgedImage, ...]]:
    """Judged images by pool.

    Raises
    ------
    SettingsError
        If the file can't be read.
    """
    with reading(path, SettingsError):
        rows = json.loads(path.read_text("utf-8"))
    images = [
        JudgedImage(
            str(row["pool"]),
            str(row["name"]),
            float(row["quality"]),
            math.nan if row["unsureness"] is None else float(row["unsureness"]),
            float(row["uncertainty"]),
            float(row["foreground"]),
        )
        for row in rows
    ]
    pools = dict.fromkeys(image.pool for image in images)
    return {pool: tuple(one for one in images if one.pool == pool) for pool in pools}


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {
        name: (round(value, 5) if math.isfinite(value) else None)
        if isinstance(value, float)
        else value
        for name, value in row.items()
    }
