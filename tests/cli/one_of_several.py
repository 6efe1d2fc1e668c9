"""``napari-vlseg finetune`` in a process that may be one of several.

`test_finetune_together` starts it. It differs from the command in two things: the model
recalls one scene only, and in the last process memory runs out once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from unittest import mock

import torch

from napari_vlseg.cli import main
from napari_vlseg.training.finetune import company, preparing
from napari_vlseg.training.finetune.replay import replay_bank
from napari_vlseg.training.finetune.tuner import Rows, Tuner


def finetune(arguments: Sequence[str]) -> None:
    """Run the command; ends with `SystemExit`."""
    backward, failures = Tuner._backward, iter([True])

    def failing(tuner: Tuner, parts: list[Rows]) -> float:
        found: company.Company = tuner._company
        if found.rank == found.size - 1 and next(failures, False):
            raise torch.OutOfMemoryError("out of memory")
        return backward(tuner, parts)

    def short(model: object, n_scenes: int, seed: int) -> object:
        return replay_bank(model, 1, seed)

    with (
        mock.patch.object(Tuner, "_backward", failing),
        mock.patch.object(preparing, "replay_bank", short),
    ):
        main(["finetune", *arguments])


if __name__ == "__main__":
    finetune(sys.argv[1:])
