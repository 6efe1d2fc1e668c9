"""A ``.pth`` checkpoint of Meta's SAM, MedSAM or micro-sam → a promptable segmenter.

The file is read with ``weights_only=True``, which can't run code. What it was wrapped in by
a training script is taken off, and the architecture follows from the shapes of its tensors.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from napari_vlseg.errors import ModelError
from napari_vlseg.files import file_sha256
from napari_vlseg.models.devices import choose_device, choose_dtype
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.models.segment_anything_network import SegmentAnythingNetwork
from napari_vlseg.models.weights import REVISION_DIGITS
from napari_vlseg.proposals import ModelInfo

_FIRST_KEY = "image_encoder.pos_embed"
_WRAPPERS = ("model_state", "model", "state_dict", "model_state_dict")
_DECODER_HEADS = 8
_NAMED_KEYS = 3

Tensors = dict[str, torch.Tensor]


def load_segment_anything(
    path: Path, name: str, *, device: str = "auto", precision: str = "auto"
) -> SamSegmenter:
    """Load a checkpoint of the vit_b, vit_l or vit_h architecture.

    Parameters
    ----------
    path : pathlib.Path
    name : str
        Shown to the person and written to results.
    device, precision : str
        See `choose_device` and `choose_dtype`.

    Raises
    ------
    ModelError
        If the file is damaged, holds more than weights, or weights of another architecture,
        or the device does not exist; the message names the remedy.
    """
    place = choose_device(device)
    dtype = choose_dtype(precision, place)
    tensors = _bare_tensors(path, _read(path))
    model = _build(path, tensors)
    digest = file_sha256(path, error=ModelError)
    return SamSegmenter(
        SegmentAnythingNetwork(model),
        ModelInfo(name, digest[:REVISION_DIGITS], digest),
        device=place,
        dtype=dtype,
    )


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not re.search(r"unsupported (global|class)", str(error), re.IGNORECASE):
            raise _damaged(path, error) from error
        raise ModelError(
            f"{path} is not loaded, because it holds more than weights and could run code, as "
            "training checkpoints of micro-sam do: where you trained it, export the weights "
            "alone (micro_sam.util.export_custom_sam_model, or torch.save of its "
            "“model_state”), and load that file."
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return ModelError(
        f"{path} is truncated or no PyTorch checkpoint ({reason}): take a fresh copy of it."
    )


def _bare_tensors(path: Path, content: Any) -> Tensors:
    """The model's own tensors, without what wraps them and without a prefix to their names."""
    candidates = [content]
    if isinstance(content, Mapping):
        candidates += [content[key] for key in _WRAPPERS if key in content]
    for candidate in candidates:
        names = list(candidate) if isinstance(candidate, Mapping) else []
        first = next((n for n in names if isinstance(n, str) and n.endswith(_FIRST_KEY)), None)
        if first is not None:
            prefix = first.removesuffix(_FIRST_KEY)
            return {
                key.removeprefix(prefix): value
                for key, value in candidate.items()
                if key.startswith(prefix) and isinstance(value, torch.Tensor)
            }
    raise ModelError(
        f"{path} holds no weights of SAM's vit_b, vit_l or vit_h (there is no {_FIRST_KEY}): "
        "choose a checkpoint of Meta's SAM, MedSAM or micro-sam, or the folder of another model."
    )


def _build(path: Path, tensors: Tensors) -> Any:
    """Meta's own modules in the sizes of the tensors, with these tensors."""
    try:
        model = _sam_of_shapes(tensors)
        missing, foreign = model.load_state_dict(tensors, strict=False)
    except (KeyError, RuntimeError, ValueError, IndexError, ZeroDivisionError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise ModelError(
            f"The tensors in {path} are not those of SAM's vit_b, vit_l or vit_h ({reason}): take "
            "a complete checkpoint of Meta's SAM, MedSAM or micro-sam."
        ) from error
    for problem, keys in (("lack", missing), ("are joined by", foreign)):
        if keys:
            some = ", ".join(keys[:_NAMED_KEYS]) + (", …" if len(keys) > _NAMED_KEYS else "")
            raise ModelError(
                f"The weights in {path} {problem} {len(keys)} tensors ({some}), so they belong to "
                "another architecture: take a checkpoint of Meta's SAM, MedSAM or micro-sam."
            )
    return model


def _sam_of_shapes(tensors: Tensors) -> Any:
    from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    encoder = _encoder_of_shapes(tensors)
    width = len(tensors["image_encoder.neck.0.weight"])
    grid = tensors[_FIRST_KEY].shape[1]
    layers = _count(tensors, "mask_decoder.transformer.layers.")
    return Sam(
        image_encoder=encoder,
        prompt_encoder=PromptEncoder(
            embed_dim=width,
            image_embedding_size=(grid, grid),
            input_image_size=(encoder.img_size, encoder.img_size),
            mask_in_chans=len(tensors["prompt_encoder.mask_downscaling.3.weight"]),
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=len(tensors["mask_decoder.mask_tokens.weight"]) - 1,
            transformer=TwoWayTransformer(
                depth=layers,
                embedding_dim=width,
                mlp_dim=len(tensors["mask_decoder.transformer.layers.0.mlp.lin1.weight"]),
                num_heads=_DECODER_HEADS,
            ),
            transformer_dim=width,
            iou_head_depth=_count(tensors, "mask_decoder.iou_prediction_head.layers."),
            iou_head_hidden_dim=len(tensors["mask_decoder.iou_prediction_head.layers.0.weight"]),
        ),
    )


def _encoder_of_shapes(tensors: Tensors) -> Any:
    from segment_anything.modeling import ImageEncoderViT

    _, grid, _, width = tensors[_FIRST_KEY].shape
    patch = tensors["image_encoder.patch_embed.proj.weight"].shape[-1]
    depth = _count(tensors, "image_encoder.blocks.")
    reaches = [tensors[f"image_encoder.blocks.{n}.attn.rel_pos_h"].shape for n in range(depth)]
    everywhere = [n for n, (positions, _) in enumerate(reaches) if positions == 2 * grid - 1]
    windowed = [positions for positions, _ in reaches if positions != 2 * grid - 1]
    return ImageEncoderViT(
        img_size=grid * patch,
        patch_size=patch,
        embed_dim=width,
        depth=depth,
        num_heads=width // reaches[0][1],
        mlp_ratio=len(tensors["image_encoder.blocks.0.mlp.lin1.weight"]) / width,
        out_chans=len(tensors["image_encoder.neck.0.weight"]),
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=(windowed[0] + 1) // 2 if windowed else 0,
        global_attn_indexes=tuple(everywhere),
    )


def _count(tensors: Tensors, prefix: str) -> int:
    """Number of layers under a name."""
    return len({key[len(prefix) :].split(".")[0] for key in tensors if key.startswith(prefix)})
