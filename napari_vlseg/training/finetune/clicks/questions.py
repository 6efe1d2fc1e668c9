"""The decoder of a click model, asked for corrected objects as people ask for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from napari_vlseg.models.sam_network import Asked, Features, TunableNetwork, window_pixels
from napari_vlseg.training.finetune.clicks.sights import Learned, Sight
from napari_vlseg.training.sam.clicks import jittered_box, random_inner_pixel
from napari_vlseg.training.sam.rehearsal import Ask, Drills, Rehearsal
from napari_vlseg.training.sam.settings import Corrections

CORRECTIONS = Corrections(of_clicks=0.5, of_boxes=0.25, rounds=2, again=0.5)
"""How often further clicks are simulated."""


def rehearse(
    network: TunableNetwork, objects: Sequence[Learned], rng: np.random.Generator
) -> Rehearsal:
    """Ask for objects by a first click, a box, and clicks on what is still wrong.

    Parameters
    ----------
    network : TunableNetwork
    objects : sequence of Learned
    rng : numpy.random.Generator
        Chooses windows, clicks and boxes.

    Returns
    -------
    Rehearsal
        With the loss.
    """
    near = [thing.near[int(rng.integers(len(thing.near)))] for thing in objects]
    rehearsal = _rehearsal(network, near, rng)
    rehearsal.run(CORRECTIONS)
    if network.display.zoom:
        far = [thing.far[int(rng.integers(len(thing.far)))] for thing in objects]
        first = _rehearsal(network, far, rng)
        first.click()
        rehearsal.total = rehearsal.total + first.total
    return rehearsal


def asker(network: TunableNetwork, sights: Sequence[Sight]) -> Ask:
    """What asks the decoder about sights."""
    encoded: dict[int, Features] = {}

    def seen(row: int) -> Features:
        if network.tower_sha256 and row not in encoded:
            encoded.update(_encoded_anew(network, sights))
        return encoded[row] if network.tower_sha256 else sights[row].features

    def ask(
        rows: torch.Tensor | None, asked: Asked, *, three: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = range(len(sights)) if rows is None else rows.tolist()
        return network.answer([seen(row) for row in chosen], asked, three=three)

    return ask


def _encoded_anew(network: TunableNetwork, sights: Sequence[Sight]) -> dict[int, Features]:
    """What an image encoder that learns makes of sights now; of each window once."""
    windows = {(id(sight.plane), sight.window): sight for sight in sights}
    pixels = [window_pixels(network, sight.plane, sight.window) for sight in windows.values()]
    maps = zip(*network.maps_of(torch.cat(pixels)), strict=True)
    features = dict(zip(windows, maps, strict=True))
    return {n: features[id(sight.plane), sight.window] for n, sight in enumerate(sights)}


def drills_of(network: TunableNetwork, sights: Sequence[Sight], rng: np.random.Generator) -> Drills:
    """Sights as one batch, each with a click into it and a box around it."""
    zoom = network.input_size / network.mask_size
    points, boxes = [], []
    for sight in sights:
        pixel = random_inner_pixel(sight.mask.numpy() > 0.5, rng)
        points.append((np.array(pixel) + rng.random(2)) * zoom)
        boxes.append(jittered_box(sight.box.numpy(), network.input_size, rng))
    parts = (
        torch.stack([sight.mask for sight in sights]),
        torch.from_numpy(np.stack(points).astype(np.float32)),
        torch.from_numpy(np.stack(boxes)),
        torch.tensor([sight.hidden for sight in sights]),
        torch.stack([sight.known for sight in sights]),
    )
    return Drills(*(part.to(network.device) for part in parts))


def _rehearsal(
    network: TunableNetwork, sights: Sequence[Sight], rng: np.random.Generator
) -> Rehearsal:
    drills = drills_of(network, sights, rng)
    zoom = network.input_size / network.mask_size
    return Rehearsal(asker(network, sights), drills, zoom, rng)
