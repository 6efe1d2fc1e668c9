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


def shorten(tuner: Tuner, dice: Callable[[], float]) -> float:
    """Bring the tuner's weights back as far as costs no Dice on held-out corrections.

    Parameters
    ----------
    tuner : Tuner
        With the weights of its best epoch; changed in place.
    dice : callable
        Mean Dice of what the tuner holds, on corrections that were held out.

    Returns
    -------
    float
        Share of the way from the base model that is gone; of those that are as good as the
        whole way within 0.005 the smallest.
    """
    whole, best = tuner.state_dict(copied=True), dice()
    for share in SHARES:
        tuner.load_state_dict(whole)
        tuner.go_back_to(share)
        if dice() >= best - _AS_GOOD:
            return share
    tuner.load_state_dict(whole)
    return 1.0
