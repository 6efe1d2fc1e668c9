"""One pass of SAM's prompt encoder and mask decoder, for use and for training alike."""

from __future__ import annotations

from typing import Any

import torch

from napari_vlseg.models.sam_drawing import draw_prompts


def decode_prompts(
    model: Any,
    embeddings: torch.Tensor,
    *,
    points: torch.Tensor | None = None,
    labels: torch.Tensor | None = None,
    boxes: torch.Tensor | None = None,
    previous: torch.Tensor | None = None,
    three: bool,
    draw: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Masks of one object per embedding.

    Parameters
    ----------
    model : transformers.SamModel
    embeddings : torch.Tensor, shape (n, channels, grid, grid)
    points : torch.Tensor of float32, shape (n, k, 2), optional
        (row, col) from the window's edge, in model pixels.
    labels : torch.Tensor of int64, shape (n, k), optional
        1 to include, 0 to exclude.
    boxes : torch.Tensor of float32, shape (n, 4), optional
        (top, left, bottom, right) edges, in model pixels.
    previous : torch.Tensor of float32, shape (n, m, m), optional
        Logits to go on from.
    three : bool
        Three candidates for each object instead of one.
    draw : bool
        Whether prompts are drawn into the mask prompt too, see `draw_prompts`.

    Returns
    -------
    logits : torch.Tensor of float32, shape (n, candidates, m, m)
    scores : torch.Tensor of float32, shape (n, candidates)
        Predicted IoU.
    """
    if draw:
        size = model.config.vision_config.image_size
        mask_size = 4 * size // model.config.vision_config.patch_size
        previous = draw_prompts(
            len(embeddings),
            mask_size,
            size / mask_size,
            points=points,
            labels=labels,
            boxes=boxes,
            previous=previous,
        )
    sparse, dense = model.prompt_encoder(
        None if points is None else _as_xy(points)[:, None],
        None if labels is None else labels[:, None],
        None if boxes is None else _as_xy(boxes)[:, None],
        None if previous is None else previous[:, None],
    )
    positions = model.get_image_wide_positional_embeddings()
    logits, scores = model.mask_decoder(
        image_embeddings=embeddings,
        image_positional_embeddings=positions.expand(len(embeddings), -1, -1, -1),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=three,
    )
    return logits[:, 0].float(), scores[:, 0].float()


def _as_xy(places: torch.Tensor) -> torch.Tensor:
    """(row, col) or two corners from the window's edge → (x, y) from the first pixel's centre."""
    order = [1, 0] if places.shape[-1] == 2 else [1, 0, 3, 2]
    return places[..., order] - 0.5
