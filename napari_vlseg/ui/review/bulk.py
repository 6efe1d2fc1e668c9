"""Decisions about many proposals at once, by their score or their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_vlseg.ui.review.listing import Listing

SIGNS = {"score": "≥", "uncertainty": "≤"}
"""Which side of a bound is good."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Proposals of the list on either side of two bounds.

    Attributes
    ----------
    good, poor : numpy.ndarray of int64
        Rows of the columns with objects to accept, and to reject.
    waiting : int
        Proposals in the list.
    unknown : int
        Those of them without a value.
    """

    good: np.ndarray
    poor: np.ndarray
    waiting: int
    unknown: int


def choose(listing: Listing, column: str, good: float, poor: float) -> Choice:
    """Find the proposals of a list that are as good as a bound, or poorer than another.

    Parameters
    ----------
    listing : Listing
        Objects that a person has decided about are never chosen.
    column : {"score", "uncertainty"}
    good : float
        Scores from here up, or uncertainties down to here, are good.
    poor : float
        Scores below, or uncertainties above, are poor; what is good never is.
    """
    columns = listing.columns
    waiting = listing.order[columns.is_one_of("status", ["proposed"], listing.order)]
    values = columns.numbers[column][waiting]
    if column == "score":
        is_good, is_poor = values >= good, values < poor
    else:
        is_good, is_poor = values <= good, values > poor
    good_rows, poor_rows = waiting[is_good], waiting[is_poor & ~is_good]
    return Choice(good_rows, poor_rows, len(waiting), int(np.isnan(values).sum()))
