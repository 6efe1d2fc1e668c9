"""``accelerate launch``: two processes on the CPU learn what one process learns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.models.adapters import read_adapter
from tests.training.finetune.helpers import WORD, corrected_project

from .one_of_several import finetune

LAUNCH = (
    *(sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"),
    *("--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"),
    *("--mixed_precision", "no", "--dynamo_backend", "no", "-m", "tests.cli.one_of_several"),
)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = str(corrected_project(tmp_path / "project").folder)
    outs = [tmp_path / f"{name}.safetensors" for name in ("one", "two")]
    options = [[project, "--out", str(out), "--epochs", "1"] for out in outs]
    together = subprocess.Popen(
        [*LAUNCH, *options[1], "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    with pytest.raises(SystemExit) as end:
        finetune([*options[0], "--device", "cpu", "--json"])
    said, errors = together.communicate(timeout=240)
    assert together.returncode == 0, errors
    assert not end.value.code
    one, two = json.loads(capsys.readouterr().out), json.loads(said)  # one document: one speaks
    assert two["notices"] == one["notices"]
    assert [text for text in one["notices"] if "tiles at a time" in text], "in the last process"
    assert two["epochs"][0]["loss"] == pytest.approx(one["epochs"][0]["loss"], rel=1e-3)
    assert two["after"]["dice"][WORD] == pytest.approx(one["after"]["dice"][WORD], abs=0.02)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "one.safetensors",
        "two.safetensors",
    ]
    first, second = map(read_adapter, outs)
    assert second.sha256 == two["sha256"]
    for name, value in first.decoder.items():
        np.testing.assert_allclose(second.decoder[name], value, rtol=0, atol=5e-3)
    np.testing.assert_allclose(second.phrases[WORD], first.phrases[WORD], rtol=0, atol=0.05)
