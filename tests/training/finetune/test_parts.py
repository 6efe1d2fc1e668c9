"""What counts, what is held out, what the tiles hold, and the loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.models.base import Embedding
from napari_vlseg.tiling import plan_tiles
from napari_vlseg.training.finetune.assessing import assess
from napari_vlseg.training.finetune.corrected import CorrectedPlane, reviewed_pixels
from napari_vlseg.training.finetune.objective import masked_loss
from napari_vlseg.training.finetune.preparing import corrections_sha256
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.splitting import split_corrections
from napari_vlseg.training.finetune.tiles import Tiles, TileSet, tiles_of


def _plane(n_objects: int = 10, group: str = "a") -> CorrectedPlane:
    labels = np.zeros((20, 10 * n_objects), np.int32)
    for number in range(n_objects):
        labels[5:12, 10 * number + 2 : 10 * number + 8] = number + 1
    classes = dict.fromkeys(range(1, n_objects + 1), "cell")
    pixels = np.zeros((*labels.shape, 3), np.float32)
    return CorrectedPlane(pixels, labels, classes, np.ones(labels.shape, bool), group)


def test_only_what_was_decided_and_its_rim_count() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[5:10, 5:10], labels[5:10, 12:17], labels[30:35, 30:35] = 1, 2, 3
    rejected = np.zeros(labels.shape, bool)
    rejected[20:24, 20:24] = True
    seen = reviewed_pixels(labels, {1}, [rejected], rim=4)
    assert seen[5:10, 5:10].all()
    assert seen[7, 10]
    assert seen[3, 7]
    assert not seen[5:10, 12:17].any(), "a neighbour nobody looked at"
    assert not seen[30:35, 30:35].any()
    assert seen[20:24, 20:24].all()
    assert not seen[0, 30]
    assert reviewed_pixels(labels, set(), everything=True).all()
    assert not reviewed_pixels(labels, set()).any()


def test_a_plane_and_its_labels_have_one_shape() -> None:
    with pytest.raises(ImageError, match="one plane"):
        replace(_plane(), reviewed=np.ones((3, 3), bool))


def test_one_image_is_cut_in_two_and_no_object_is_on_both_sides() -> None:
    training, held_out = split_corrections([_plane(10)], 0.2)
    mine, theirs = training[0].objects, held_out[0].objects
    assert sorted(mine) == list(range(1, 9))
    assert sorted(theirs) == [9, 10]
    assert not (training[0].reviewed & held_out[0].reviewed).any()


def test_several_images_are_held_out_whole() -> None:
    planes = [_plane(4, group) for group in "abcde"]
    training, held_out = split_corrections(planes, 0.2, seed=3)
    assert len(training) == 4
    assert len(held_out) == 1
    assert {p.group for p in training} | {held_out[0].group} == set("abcde")


def test_of_few_images_a_part_of_each_is_held_out() -> None:
    planes = [_plane(10, group) for group in "ab"]
    training, held_out = split_corrections(planes, 0.2)
    assert [p.group for p in training] == [p.group for p in held_out] == ["a", "b"]
    assert [len(p.objects) for p in held_out] == [2, 2]


@pytest.mark.parametrize("planes", [[_plane(4)], [_plane(2, "a"), _plane(2, "b")]])
def test_nothing_is_held_out_of_few_objects(planes: list[CorrectedPlane]) -> None:
    assert split_corrections(planes, 0.2) == (tuple(planes), ())


def test_tiles_hold_targets_beside_what_was_encoded() -> None:
    plane = replace(_plane(10), reviewed=np.zeros((20, 100), bool))
    plane.reviewed[:, :40] = True
    plan = plan_tiles((20, 100), 20, 0)
    layer = torch.arange(len(plan.tiles)).float()[:, None, None].expand(-1, 5, 2)
    embedding = Embedding("key", (20, 100), plan, 1.0, ((layer[:3],), (layer[3:],)))
    tiles = tiles_of(plane, embedding, ["cell", "dust"])
    assert len(tiles) == 2, "tiles without a reviewed pixel teach nothing"
    assert {int(v) for v in tiles.activations[0][:, 0, 0]} == {
        number for number, tile in enumerate(plan.tiles) if tile.col < 40
    }
    assert tiles.targets.shape == (2, 2, 20, 20)
    assert tiles.targets[:, 0].amax() == 255
    assert not tiles.targets[:, 1].any()


def test_tiles_of_several_sides_are_numbered_in_their_order() -> None:
    def some(count: int, side: int) -> TileSet:
        targets = torch.zeros(count, 1, side, side, dtype=torch.uint8)
        targets[-1:] = 255
        activations = (torch.full((count, side, 2), float(side)),)
        return TileSet(activations, targets, torch.ones(count, side, side, dtype=torch.bool))

    tiles = Tiles((some(2, 8), some(0, 8), some(1, 16), some(2, 8)))
    assert len(tiles) == 5
    assert tiles.present[:, 0].tolist() == [False, True, True, False, True]
    taken = tiles.take(torch.tensor([2, 1, 4, 0]))
    assert [places.tolist() for places, _ in taken] == [[0], [1, 2, 3]]
    (_, large), (_, small) = taken
    assert large.activations[0].shape == (1, 16, 2)
    assert small.targets.amax((1, 2, 3)).tolist() == [255, 255, 0]
    assert Tiles().take(torch.arange(0)) == []


def test_pixels_nobody_looked_at_do_not_count() -> None:
    logits, targets = torch.randn(2, 8, 8), torch.zeros(2, 8, 8)
    known = torch.zeros(2, 8, 8, dtype=torch.bool)
    known[0, :4] = True
    loss = masked_loss(logits, targets, known)
    other = logits.clone()
    other[0, 4:] = 50
    assert torch.equal(loss, masked_loss(other, targets, known))
    assert loss[1] == 0
    targets[0, :2] = 1
    without = masked_loss(logits, targets, known, dice=torch.zeros(2, dtype=torch.bool))
    assert masked_loss(logits, targets, known)[0] > without[0]


class _Echo(torch.nn.Module):
    """Answers with what the first activation holds."""

    def forward(self, layers: list[torch.Tensor], vectors: torch.Tensor) -> object:
        side = round((layers[0].shape[1] - 1) ** 0.5)
        logits = layers[0][:, 1:, 0].reshape(-1, side, side)
        return type("Output", (), {"logits": logits})()


def test_the_best_threshold_is_found_by_dice() -> None:
    truth = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    truth[..., :2, :] = 255
    share = torch.where(truth[0, 0] > 0, 0.4, 0.3)
    activations = torch.cat([torch.zeros(1), share.logit().ravel()])[None, :, None]
    tiles = Tiles((TileSet((activations,), truth, torch.ones(1, 4, 4, dtype=torch.bool)),))
    found = assess(_Echo(), [torch.zeros(3)], ["cell"], tiles, threshold=0.5, patch_size=1)
    assert found.dice == {"cell": 0.0}
    assert 0.3 <= found.thresholds["cell"] < 0.4


def test_settings_out_of_range_are_refused() -> None:
    for wrong in (
        {"method": "magic"},
        {"epochs": 0},
        {"held_out_share": 0.9},
        {"absent_share": 0.5, "replay_share": 0.5},
    ):
        with pytest.raises(SettingsError):
            FinetuneSettings(**wrong)  # type: ignore[arg-type]


def test_the_hash_of_corrections_knows_their_content_not_their_order() -> None:
    first, second = _plane(3, "a"), _plane(4, "b")
    assert corrections_sha256([first, second]) == corrections_sha256([second, first])
    assert corrections_sha256([first]) != corrections_sha256([second])
    changed = replace(first, reviewed=np.zeros_like(first.reviewed))
    assert corrections_sha256([first]) != corrections_sha256([changed])
