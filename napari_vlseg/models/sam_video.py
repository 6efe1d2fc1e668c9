"""SAM 2 and EdgeTAM with their memory: objects followed from plane to plane.

Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos" (arXiv 2408.00714), and Zhou et
al. 2025, "EdgeTAM" (arXiv 2501.07256), in the implementation of the transformers library and in
its streaming mode: planes come one by one. What the model does not look back to is dropped, so
that memory does not grow with the length of the sequence.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_vlseg.errors import ImageError, ModelError, PromptError
from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import MaskProposal
from napari_vlseg.models.devices import choose_device, choose_dtype, precision_name
from napari_vlseg.models.preprocessing import (
    IMAGENET_COLOURS,
    Preprocessing,
    check_plane,
    model_type,
    resize_plane,
)
from napari_vlseg.models.sam_families import VIDEO_CLASSES
from napari_vlseg.models.sam_weights import check_packages
from napari_vlseg.models.weights import REVISION_DIGITS, Checkpoint, load_network
from napari_vlseg.object_prompts import MaskLogits
from napari_vlseg.proposals import ModelInfo

_KEPT = ("maskmem_features", "maskmem_pos_enc", "object_pointer", "object_score_logits")
"""What later planes need of an earlier one; its masks they do not."""


def load_sam_video(
    folder: Path,
    name: str,
    *,
    revision: str = "",
    device: str = "auto",
    precision: str = "auto",
) -> SamVideoSegmenter:
    """Load the video model of a checkpoint of SAM 2 or EdgeTAM from a folder, without network.

    Parameters
    ----------
    folder, name, revision, device, precision
        See `napari_vlseg.models.sam_weights.load_sam`, which loads the image part of the same
        checkpoint.

    Raises
    ------
    ModelError
        If the folder holds no video model, or one that can't be loaded.
    """
    kind = model_type(folder)
    if kind not in VIDEO_CLASSES:
        raise ModelError(
            f"The model {name} has no memory of planes: follow objects with a checkpoint of "
            "SAM 2 or EdgeTAM, or from plane to plane."
        )
    place = choose_device(device)
    checkpoint = Checkpoint.find(folder, kind)
    check_packages(folder, name)
    model = load_network(checkpoint, VIDEO_CLASSES[kind])
    side = int(model.prompt_encoder.input_image_size)
    digest = checkpoint.weights_sha256
    return SamVideoSegmenter(
        model,
        Preprocessing.from_folder(folder, side, IMAGENET_COLOURS),
        ModelInfo(name, revision or digest[:REVISION_DIGITS], digest),
        device=place,
        dtype=choose_dtype(precision, place),
    )


class SamVideoSegmenter:
    """A `VideoSegmenter` over a video model of transformers.

    Build one with `napari_vlseg.models.registry.load_video_steps`.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        ``Sam2VideoModel`` or ``EdgeTamVideoModel``.
    preprocessing : Preprocessing
    info : ModelInfo
        Name, revision and hash; device and precision are filled in here.
    device : torch.device
    dtype : torch.dtype
    """

    def __init__(
        self,
        model: Any,
        preprocessing: Preprocessing,
        info: ModelInfo,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.model = model.eval().requires_grad_(False).to(device, dtype)
        self.preprocessing = preprocessing
        self.input_size = int(model.prompt_encoder.input_image_size)
        self.device, self.dtype = device, dtype
        self._info = replace(info, device=str(device), precision=precision_name(dtype))

    @property
    def info(self) -> ModelInfo:
        """See `VideoSegmenter.info`."""
        return self._info

    def begin(self) -> SamVideoMemory:
        """See `VideoSegmenter.begin`."""
        return SamVideoMemory(self)


class SamVideoMemory:
    """A `VideoMemory`: one session of transformers for each object, all with one encoded plane.

    Parameters
    ----------
    segmenter : SamVideoSegmenter
    """

    def __init__(self, segmenter: SamVideoSegmenter) -> None:
        self._segmenter = segmenter
        self._sessions: dict[int, Any] = {}
        self._shape = (0, 0)
        self._number = 0
        self._reverse = False
        self._blank = self._new_session()

    def look(self, plane: np.ndarray, number: int, *, reverse: bool = False) -> Work[None]:
        """See `VideoMemory.look`.

        Raises
        ------
        ImageError
            If the plane has another shape than the one before, or no pixels.
        """
        plane = check_plane(plane)
        shape = (plane.shape[0], plane.shape[1])
        if self._sessions and shape != self._shape:
            raise ImageError(
                f"A plane has shape {shape} and the one before {self._shape}: follow objects "
                "through planes of one shape."
            )
        self._shape, self._number, self._reverse = shape, number, reverse
        self._encode(plane)
        yield Progress("encoding", 1, 1)

    @torch.inference_mode()
    def learn(self, key: int, mask: np.ndarray) -> None:
        """See `VideoMemory.learn`.

        Raises
        ------
        PromptError
            If the mask marks nothing, or is of another shape.
        """
        if mask.shape != self._shape or not mask.any():
            raise PromptError(
                f"The mask of shape {mask.shape} marks no pixel of a plane of {self._shape}: draw "
                "over the object."
            )
        session = self._sessions.setdefault(key, self._new_session())
        index = session.obj_id_to_idx(key)
        session.add_mask_inputs(index, self._number, self._as_input(mask))
        session.obj_with_new_inputs = [key]
        self._run(session)

    @torch.inference_mode()
    def find(self, key: int) -> MaskProposal:
        """See `VideoMemory.find`.

        Raises
        ------
        PromptError
            If the object was never learned.
        """
        if key not in self._sessions:
            raise PromptError(f"Object {key} is not known: say first where it is on a plane.")
        found = self._run(self._sessions[key])
        logits = found.pred_masks.float().reshape(found.pred_masks.shape[-2:]).cpu().numpy()
        there = torch.sigmoid(found.object_score_logits.float()).reshape(-1)[0]
        return MaskProposal(MaskLogits(logits, (0, 0, *self._shape)), float(there), self._shape)

    def forget(self, key: int) -> None:
        """See `VideoMemory.forget`."""
        self._sessions.pop(key, None)

    def _new_session(self) -> Any:
        """A session of transformers that shares the encoded plane with the others."""
        segmenter = self._segmenter
        module = importlib.import_module(type(segmenter.model).__module__)
        kind = type(segmenter.model).__name__.removesuffix("Model")
        session = getattr(module, f"{kind}InferenceSession")(
            inference_device=segmenter.device,
            inference_state_device=segmenter.device,
            video_storage_device=segmenter.device,
            dtype=segmenter.dtype,
        )
        session.processed_frames = {}
        if self._sessions:
            session.cache = next(iter(self._sessions.values())).cache
        elif hasattr(self, "_blank"):
            session.cache = self._blank.cache
        return session

    @torch.inference_mode()
    def _encode(self, plane: np.ndarray) -> None:
        """Maps of the plane into the cache that all sessions share."""
        segmenter, size = self._segmenter, self._segmenter.input_size
        scaled = resize_plane(plane, (size, size))
        pixels = segmenter.preprocessing.normalize(scaled[None]).to(
            segmenter.device, segmenter.dtype
        )
        found = segmenter.model.get_image_features(pixels, return_dict=True)
        self._blank.cache.clear_all()
        self._blank.cache.cache_vision_features(
            self._number,
            {
                "vision_feats": found.fpn_hidden_states,
                "vision_pos_embeds": found.fpn_position_encoding,
            },
        )

    def _as_input(self, mask: np.ndarray) -> torch.Tensor:
        """A mask at the size of the model's input, 0 or 1, shape (1, 1, size, size)."""
        size = self._segmenter.input_size
        values = torch.from_numpy(mask.astype(np.float32))[None, None]
        scaled = torch.nn.functional.interpolate(
            values, (size, size), mode="bilinear", align_corners=False, antialias=True
        )
        marked = (scaled >= 0.5).float()
        return marked if marked.any() else (scaled >= scaled.max()).float()

    def _run(self, session: Any) -> Any:
        """The model on the present plane, for the one object of a session."""
        # A frame is given, though its maps are in the cache already, because that is how
        # transformers knows that no frames are kept.
        nothing = torch.empty(0, device=self._segmenter.device)
        found = self._segmenter.model(
            inference_session=session,
            frame=nothing,
            frame_idx=self._number,
            reverse=self._reverse,
        )
        self._drop_old(session)
        return found

    def _drop_old(self, session: Any) -> None:
        """Everything that no later plane looks at."""
        config = self._segmenter.model.config
        reach = max(config.num_maskmem, config.max_object_pointers_in_encoder)
        session.processed_frames.clear()
        for of in session.output_dict_per_obj.values():
            outputs = of["non_cond_frame_outputs"]
            for number in [n for n in outputs if abs(n - self._number) >= reach]:
                del outputs[number]
            for kept in (outputs, of["cond_frame_outputs"]):
                for values in kept.values():
                    for name in set(values) - set(_KEPT):
                        del values[name]
        for of in session.frames_tracked_per_obj.values():
            for number in [n for n in of if abs(n - self._number) >= reach]:
                del of[number]
        for of in session.mask_inputs_per_obj.values():
            of.clear()
