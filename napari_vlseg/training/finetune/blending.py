"""How far to go from the base model to what was trained: no farther than brings something.

Between the weights before and after a fine-tuning lie models that know nearly all that is new and
forget less of what was known (Wortsman et al. 2022, WiSE-FT, arXiv 2109.01903).
"""

from __future__ import annotations

from collections.abc import Callable

from napari_vlseg.training.finetune.tuner import Tuner

SHARES = (0.6, 0.8)
"""Shares of the way that are tried; the whole way is the last resort."""

_AS_GOOD = 0.005


def shorten(tuner: Tuner, examined: Callable[[], tuple[float, float]]) -> float:
    """Bring the tuner's weights back as far as costs nothing on held-out corrections.

    Parameters
    ----------
    tuner : Tuner
        With the weights of its best epoch; changed in place.
    examined : callable
        Loss and mean Dice of what the tuner holds, on corrections that were held out.

    Returns
    -------
    float
        Share of the way from the base model that is gone: the smallest of those whose loss is
        not above that of the whole way, and whose Dice is not below it by more than 0.005. Dice
        alone would not see that the answers grow faint.
    """
    whole, (loss, dice) = tuner.state_dict(copied=True), examined()
    for share in SHARES:
        tuner.load_state_dict(whole)
        tuner.go_back_to(share)
        found_loss, found_dice = examined()
        if found_loss <= loss and found_dice >= dice - _AS_GOOD:
            return share
    tuner.load_state_dict(whole)
    return 1.0
