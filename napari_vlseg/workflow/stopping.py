"""How good proposals are on images that nobody has looked at yet, from those that were reviewed.

Reviewed images are no random sample: the model is asked which to look at next and names those
that it is unsure of. How unsure it is, though, is known for all images. So the quality of an image
is predicted from that, and the prediction is corrected by what the reviewed images turned out to
be, as in prediction-powered inference (Angelopoulos et al. 2023, arXiv 2301.09633). Since the order
goes by uncertainty, and not by chance, the correction is a curve through the reviewed images, and
not the mean of their errors: ``quality = logistic(a + b · uncertainty) + error``.

The curve is fitted by Bayes' rule on a grid of a and b. Errors are normal with a variance that is
integrated out, under a prior that weighs as much as `_PRIOR_IMAGES` images which stray by
`_PRIOR_SPREAD`: five perfect images in a row do not prove that all are. The interval is that of the
mean over the images there are. docs/what-next.md tells how often it covers the truth in simulated
projects.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import SettingsError

FEWEST_REVIEWED = 5
"""Reviewed images from which on there is an estimate."""

CONFIDENCE = 0.9
"""Of the interval."""

_PRIOR_IMAGES = 4.0
_PRIOR_SPREAD = 0.3
_LEVEL_PRIOR = (1.5, 2.0)
_SLOPE_PRIOR = (-0.6, 1.0)
_DRAWS = 3000
_WORTH_IT = 0.85
_WIDER = 1.15
_ROUND_WIDTHS = (0.2, 0.15, 0.12, 0.1, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03, 0.02, 0.01)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class QualityEstimate:
    """What the proposals on unseen images are worth.

    Attributes
    ----------
    quality : float
        Mean over the unseen images of the share of objects, found or missed, that are right
        (AP@0.5), in [0, 1].
    low, high : float
        90 % interval.
    n_reviewed, n_unseen : int
        Images.
    curve_spread : float
        Standard deviation of the mean that comes of not knowing the curve.
    stray : float
        Standard deviation of a reviewed image from the curve.
    """

    quality: float
    low: float
    high: float
    n_reviewed: int
    n_unseen: int
    curve_spread: float
    stray: float

    @property
    def half_width(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2

    def half_width_after(self, more: int) -> float:
        """About what half of the interval would be after so many more reviewed images.

        Raises
        ------
        SettingsError
            If no image would be left.
        """
        left = self.n_unseen - more
        if left < 1:
            raise SettingsError(f"There are {self.n_unseen} images to review, and not {more}.")
        now, then = (_variance(self.stray**2, self.n_reviewed + n) for n in (0, more))
        curve = self.curve_spread**2 * self.n_reviewed / (self.n_reviewed + more) * then / now
        spread = (curve + then / left) / (self.curve_spread**2 + now / self.n_unseen)
        return self.half_width * math.sqrt(spread)

    def more_for(self, half_width: float) -> int | None:
        """Fewest further images that would narrow the interval so far; None where none do."""
        for more in range(self.n_unseen):
            if self.half_width_after(more) <= half_width:
                return more
        return None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "quality": self.quality,
            "interval": [self.low, self.high],
            "confidence": CONFIDENCE,
            "n_reviewed": self.n_reviewed,
            "n_unseen": self.n_unseen,
            "says": str(self),
        }

    def __str__(self) -> str:
        """The estimate in words, and what would narrow it."""
        images = "1 image" if self.n_unseen == 1 else f"{self.n_unseen} images"
        told = (
            f"The {images} you have not seen: about {self.quality:.0%} of objects right "
            f"({100 * self.low:.0f} to {self.high:.0%})."
        )
        for width in _ROUND_WIDTHS:
            more = self.more_for(width) if width <= _WORTH_IT * self.half_width else None
            if more:
                images = "1 more image" if more == 1 else f"{more} more images"
                return f"{told} {images} would narrow it to ±{width:.0%}."
        return told


def estimate_quality(
    quality: Sequence[float],
    reviewed: Sequence[float],
    unseen: Sequence[float],
    *,
    seed: int = 0,
) -> QualityEstimate:
    """Estimate the mean quality of images that were not reviewed.

    Parameters
    ----------
    quality : sequence of float
        Of each reviewed image, in [0, 1]: what the model proposed before it was corrected, against
        what the person made of it.
    reviewed, unseen : sequence of float
        How unsure the model was of its objects on each reviewed image, and is on each unseen one.
        NaN where it is not known, which counts as the mean of the others.
    seed : int
        Of the draws from the posterior.

    Returns
    -------
    QualityEstimate

    Raises
    ------
    SettingsError
        If there are fewer than `FEWEST_REVIEWED` reviewed images, no unseen one, or the lengths
        differ.
    """
    known = np.asarray(quality, np.float64)
    _check(len(known), len(reviewed), len(unseen))
    unsure = _standardised(np.array([*reviewed, *unseen], np.float64))
    level, slope = _curves()
    logits = level[:, np.newaxis] + slope[:, np.newaxis] * unsure
    curves = 1 / (1 + np.exp(-logits))
    here, there = curves[:, : len(known)], curves[:, len(known) :].mean(axis=1)
    freedom = _PRIOR_IMAGES + len(known)
    variance = _variance(((known - here) ** 2).mean(axis=1), len(known))
    weights = _posterior(level, slope, variance, freedom)
    rng = np.random.default_rng(seed)
    # Evenly through the posterior rather than by chance, so that few draws do.
    places = (np.arange(_DRAWS) + 0.5) / _DRAWS
    drawn = np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)
    spread = np.sqrt(variance[drawn] / len(unseen))
    means = np.clip(there[drawn] + rng.standard_t(freedom, _DRAWS) * spread, 0, 1)
    tail = (1 - CONFIDENCE) / 2
    middle = float(weights @ there)
    # Errors are not normal: most images are nearly right and a few are all wrong.
    ends = middle + _WIDER * (np.quantile(means, [tail, 1 - tail]) - middle)
    low, high = np.clip(ends, 0, 1)
    return QualityEstimate(
        float(np.clip(middle, low, high)),
        float(low),
        float(high),
        len(known),
        len(unseen),
        float(np.sqrt(weights @ (there - middle) ** 2)),
        float(np.sqrt(weights @ ((known - here) ** 2).mean(axis=1))),
    )


def advice(estimate: QualityEstimate, wanted: float) -> str:
    """Whether to stop, where a quality is wanted, in a sentence.

    Parameters
    ----------
    estimate : QualityEstimate
    wanted : float
        Share of objects right, in (0, 1).

    Raises
    ------
    SettingsError
        If it is out of range.
    """
    if not 0 < wanted < 1:
        raise SettingsError(
            f"The wanted quality is {wanted:g}: choose a share between 0 and 1, such as 0.9."
        )
    if estimate.low >= wanted:
        return f"You can stop: at least {wanted:.0%} of objects are right on what is left."
    if estimate.high < wanted:
        return f"Go on: fewer than {wanted:.0%} of objects are right on what is left."
    return f"It can't be told yet whether {wanted:.0%} of objects are right on what is left."


def _curves() -> tuple[Floats, Floats]:
    """Level and slope of all curves that are tried."""
    level, slope = np.meshgrid(np.linspace(-4, 8, 37), np.linspace(-4, 2, 25), indexing="ij")
    return level.ravel(), slope.ravel()


def _variance(square: Any, n: int) -> Any:
    """Of errors, from the mean square of n of them and the prior."""
    return (square * n + _PRIOR_IMAGES * _PRIOR_SPREAD**2) / (n + _PRIOR_IMAGES)


def _posterior(level: Floats, slope: Floats, variance: Floats, freedom: float) -> Floats:
    """Weights of the curves; the variance of errors is integrated out."""
    priors = zip((level, slope), (_LEVEL_PRIOR, _SLOPE_PRIOR), strict=True)
    log = sum((-0.5 * ((value - mean) / sd) ** 2 for value, (mean, sd) in priors), np.zeros(1))
    log = log - 0.5 * freedom * np.log(variance)
    weights = np.exp(log - log.max())
    return np.asarray(weights / weights.sum())


def _standardised(unsure: Floats) -> Floats:
    """With mean 0 and standard deviation 1 over all images; zeros where all are alike."""
    known = unsure[np.isfinite(unsure)]
    if not known.size or np.ptp(known) < 1e-9:
        return np.zeros_like(unsure)
    return (np.nan_to_num(unsure, nan=float(known.mean())) - known.mean()) / known.std()


def _check(n_quality: int, n_reviewed: int, n_unseen: int) -> None:
    if n_quality != n_reviewed:
        raise SettingsError(
            f"There are {n_quality} qualities of {n_reviewed} reviewed images: give one for each."
        )
    if n_reviewed < FEWEST_REVIEWED:
        raise SettingsError(
            f"{n_reviewed} images were reviewed after a model had proposed objects on them: mark "
            f"{FEWEST_REVIEWED} as done for an estimate of the others."
        )
    if not n_unseen:
        raise SettingsError("All images were reviewed: there is nothing left to estimate.")
