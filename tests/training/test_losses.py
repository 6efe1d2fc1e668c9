"""Losses on values that can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from napari_vlseg.training.losses import (
    alignment_loss,
    dense_code_loss,
    prompt_code_loss,
    segmentation_loss,
)


def test_a_perfect_mask_costs_nothing() -> None:
    masks = torch.zeros(2, 8, 8)
    masks[0, :4] = 1
    logits = torch.where(masks > 0, 40.0, -40.0)
    assert segmentation_loss(logits, masks).item() == pytest.approx(0, abs=1e-5)


def test_an_undecided_map_costs_two_log_two_and_its_dice() -> None:
    masks = torch.ones(1, 4, 4)
    dice = 1 - (2 * 8 + 1) / (8 + 16 + 1)
    expected = 2 * math.log(2) + dice
    assert segmentation_loss(torch.zeros(1, 4, 4), masks).item() == pytest.approx(expected)


def test_an_empty_mask_has_no_dice_term() -> None:
    loss = segmentation_loss(torch.zeros(1, 4, 4), torch.zeros(1, 4, 4))
    assert loss.item() == pytest.approx(2 * math.log(2))


def test_alignment_counts_equal_phrases_as_positives() -> None:
    texts = torch.eye(3)
    matched = alignment_loss(texts[:1], texts, ["a"], ["a", "b", "c"])
    mismatched = alignment_loss(texts[:1], texts, ["b"], ["a", "b", "c"])
    both = alignment_loss(texts[:1], texts[[0, 0]], ["a"], ["a", "a"])
    expected = math.log(math.exp(10) + 2) - 10
    assert matched.item() == pytest.approx(expected, abs=1e-5)
    assert mismatched.item() == pytest.approx(expected + 10, abs=1e-4)
    assert both.item() == pytest.approx(0, abs=1e-5)


def test_alignment_moves_references_and_leaves_texts() -> None:
    references, texts = torch.randn(2, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    alignment_loss(references, texts, ["a", "b"], ["a", "b", "c"]).backward()
    assert references.grad is not None
    assert texts.grad is None


def test_prompt_codes_sum_over_heads() -> None:
    logits = [torch.zeros(2, 4), torch.zeros(2, 8)]
    codes = torch.tensor([[0, 1], [3, 7]])
    assert prompt_code_loss(logits, codes).item() == pytest.approx(math.log(4) + math.log(8))


def test_background_patches_weigh_a_quarter() -> None:
    codes = torch.zeros(1, 4, 2, 1, dtype=torch.uint8)
    codes[:, :2] = 1
    surely_background = torch.tensor([[[30.0, 0.0], [30.0, 0.0]]])
    loss = dense_code_loss([surely_background], codes, 2)
    assert loss.item() == pytest.approx(30 / 1.25, rel=1e-3)
