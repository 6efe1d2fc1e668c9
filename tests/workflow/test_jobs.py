from __future__ import annotations

from pathlib import Path

import pytest

from napari_vlseg.errors import ExportError
from napari_vlseg.workflow.jobs import plan_jobs


def test_each_image_has_files_of_its_own(tmp_path):
    jobs = plan_jobs([Path("a.png"), Path("b.ome.tif")], tmp_path / "new" / "out")
    assert [job.labels.name for job in jobs] == ["a.tif", "b.ome.tif"]
    assert all(job.probabilities is None for job in jobs)
    assert (tmp_path / "new" / "out").is_dir()


@pytest.mark.parametrize(
    ("names", "probabilities"),
    [
        (["x/a.png", "y/a.tif"], False),
        (["a.png", "A.png"], False),  # one file on Windows and macOS
        (["a.png", "a.png"], False),
        (["a.png", "a_probabilities.png"], True),
    ],
)
def test_two_images_never_share_a_file(tmp_path, names, probabilities):
    with pytest.raises(ExportError, match="would both be written"):
        plan_jobs([Path(name) for name in names], tmp_path / "out", probabilities=probabilities)
    assert not (tmp_path / "out").exists()


def test_inputs_are_never_outputs(tmp_path):
    with pytest.raises(ExportError, match="overwrite the input"):
        plan_jobs([tmp_path / "a.png"], tmp_path, inputs=[tmp_path / "a.tif"])
