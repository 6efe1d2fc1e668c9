"""Why what was found on a plane is not the object, in plain words."""

from __future__ import annotations

import numpy as np

from napari_vlseg.workflow.propagate.candidates import Candidate
from napari_vlseg.workflow.propagate.finding import Track
from napari_vlseg.workflow.propagate.settings import PropagateSettings

LEFT = "it left the image"
GONE = "nothing of it is left"


def objection(track: Track, candidate: Candidate, settings: PropagateSettings) -> str:
    """Why a candidate is not the object, in plain words; empty where it is."""
    growth = candidate.growth
    pixels = np.count_nonzero(candidate.outline.mask)
    if candidate.look is None or pixels < settings.least_pixels:
        return f"only {pixels} pixels are left" if pixels else GONE
    if track.look.standing_out(candidate.look) < settings.least_contrast:
        return "it no longer stands out"
    if growth < settings.least_area * min(1, track.growth):
        return f"area fell to {100 * growth:.0f} %"
    if growth > settings.most_area:
        return f"area rose to {100 * growth:.0f} %"
    if candidate.score < settings.least_score:
        return f"it was not found again (score {candidate.score:.2f})"
    return ""
