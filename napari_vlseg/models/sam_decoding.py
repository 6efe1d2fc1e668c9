"""One pass of SAM's prompt encoder and mask decoder, for use and for training alike."""

from __future__ import annotations

from typing import Any

import torch

from napari_vlseg.models.sam_drawing import draw_prompts

_MAPS = ("image_embeddings", "image_positional_embeddings")


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
    return decode_with(
        model,
        {"image_embeddings": embeddings},
        model.get_image_wide_positional_embeddings(),
        points=points,
        labels=labels,
        boxes=boxes,
        previous=previous,
        three=three,
    )


def decode_with(
    model: Any,
    images: dict[str, Any],
    positions: torch.Tensor,
    *,
    points: torch.Tensor | None,
    labels: torch.Tensor | None,
    boxes: torch.Tensor | None,
    previous: torch.Tensor | None,
    three: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`decode_prompts` of any model of the family, nothing being drawn.

    Parameters
    ----------
    model : transformers.PreTrainedModel
    images : dict
        What the mask decoder takes of images: ``image_embeddings`` of n windows and what
        belongs to them; or of one window for all n objects, where there is no `previous`.
    positions : torch.Tensor, shape (1, channels, grid, grid)
        Codes of the grid's places, in the precision of the mask decoder.
    points, labels, boxes, previous, three
        As of `decode_prompts`.
    """
    n_images = len(images["image_embeddings"])
    axis = 0 if n_images == 1 and previous is None else 1
    sparse, dense = model.prompt_encoder(
        None if points is None else _as_xy(points).unsqueeze(axis),
        None if labels is None else labels.unsqueeze(axis),
        None if boxes is None else _as_xy(boxes).unsqueeze(axis),
        None if previous is None else previous[:, None],
    )
    logits, scores, *others = model.mask_decoder(
        **images,
        image_positional_embeddings=positions.expand(n_images, -1, -1, -1),
        sparse_prompt_embeddings=None if sparse is None else sparse.to(positions.dtype),
        dense_prompt_embeddings=dense.to(positions.dtype),
        multimask_output=three,
    )
    scores = scores.float()
    if len(others) == 2:  # SAM 2 also says whether there is an object at all
        scores = scores * others[1].float().sigmoid()
    return logits.flatten(0, 1).float(), scores.flatten(0, 1)


def lay_out_by_place(model: Any) -> None:
    """Give the mask decoder's transformer maps whose channels lie together in memory.

    It reads them place by place; otherwise it copies and adds across strides again and again,
    for a fifth of its time on a CPU.
    """

    def by_place(
        _: Any, args: tuple[Any, ...], inputs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        maps, positions = (inputs[name] for name in _MAPS)
        alike = positions[:1].contiguous(memory_format=torch.channels_last)
        maps = maps.contiguous(memory_format=torch.channels_last)
        return args, inputs | dict(zip(_MAPS, (maps, alike.expand_as(positions)), strict=True))

    model.mask_decoder.transformer.register_forward_pre_hook(by_place, with_kwargs=True)


def _as_xy(places: torch.Tensor) -> torch.Tensor:
    """(row, col) or two corners from the window's edge → (x, y) from the first pixel's centre."""
    order = [1, 0] if places.shape[-1] == 2 else [1, 0, 3, 2]
    return places[..., order] - 0.5
