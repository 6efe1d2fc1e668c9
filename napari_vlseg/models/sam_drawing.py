"""Prompts drawn into the mask prompt, for small models that read pictures better than tokens.

SAM's mask decoder takes logits of an earlier mask as a dense prompt. Clicks drawn there as
disks (as RITM does, Sofiiuk et al. 2022, arXiv 2102.06583) and a box as its inscribed
ellipse tell where to look at every pixel, beside the tokens that SAM makes of them.
"""

from __future__ import annotations

import torch

_STRONGEST = 8.0
_ELLIPSE = 6.0
_CLICK_DEVIATION = 1.5


def draw_prompts(
    count: int,
    mask_size: int,
    zoom: float,
    *,
    points: torch.Tensor | None = None,
    labels: torch.Tensor | None = None,
    boxes: torch.Tensor | None = None,
    previous: torch.Tensor | None = None,
) -> torch.Tensor:
    """Dense prompts of some objects.

    Parameters
    ----------
    count : int
        Number n of objects.
    mask_size : int
        Side of the drawings, in mask pixels.
    zoom : float
        Model pixels per mask pixel.
    points : torch.Tensor of float32, shape (n, k, 2), optional
        (row, col) from the tile's edge, in model pixels.
    labels : torch.Tensor, shape (n, k), optional
        1 to include, 0 to exclude.
    boxes : torch.Tensor of float32, shape (n, 4), optional
        (top, left, bottom, right) edges, in model pixels; left out where there is `previous`.
    previous : torch.Tensor of float32, shape (n, mask_size, mask_size), optional
        Logits to go on from.

    Returns
    -------
    torch.Tensor, float32, shape (n, mask_size, mask_size)
        Logits in [-8, 8]; 0 where nothing is known.
    """
    device = next((t.device for t in (points, boxes, previous) if t is not None), None)
    centres = (torch.arange(mask_size, device=device, dtype=torch.float32) + 0.5) * zoom
    rows, cols = centres[None, :, None], centres[None, None, :]
    if previous is not None:
        canvas = previous.clamp(-_STRONGEST, _STRONGEST)
    elif boxes is not None:
        top, left, bottom, right = (edge[:, None, None] for edge in boxes.unbind(1))
        tall, wide = (bottom - top).clamp(min=1) / 2, (right - left).clamp(min=1) / 2
        from_centre = ((rows - (top + bottom) / 2) / tall) ** 2
        from_centre = from_centre + ((cols - (left + right) / 2) / wide) ** 2
        canvas = (_ELLIPSE * (1 - from_centre)).clamp(-_STRONGEST, _STRONGEST)
    else:
        canvas = torch.zeros(count, mask_size, mask_size, device=device)
    if points is None or labels is None:
        return canvas
    for spot, label in zip(points.unbind(1), labels.unbind(1), strict=True):
        distance = (rows - spot[:, 0, None, None]) ** 2 + (cols - spot[:, 1, None, None]) ** 2
        weight = torch.exp(-distance / (2 * (_CLICK_DEVIATION * zoom) ** 2))
        sign = (2 * label.to(torch.float32) - 1)[:, None, None]
        canvas = canvas * (1 - weight) + weight * sign * _STRONGEST
    return canvas
