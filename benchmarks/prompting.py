"""Encode once, prompt many: the adapter against transformers' own forward, in one run.

CLIPSeg rd64 at full size with random weights, one image of 352 × 352, on the CPU.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable

import torch
from full_size import WORDS, build_network, build_segmenter, random_plane
from harness import Result, interleaved, median_ratio, options, report

from napari_vlseg.models.base import Embedding
from napari_vlseg.prompts import ClassPrompt


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = options(__doc__, repeats=5)
    seconds = interleaved(candidates(), arguments.repeats)
    forward = seconds["forward, 1 phrase"]
    results = [
        Result(
            "new phrase on an encoded image vs forward",
            median_ratio(forward, seconds["adapter, new phrase"]),
            15,
            "×",
            "more",
        ),
        Result(
            "phrase seen before on an encoded image vs forward",
            median_ratio(forward, seconds["adapter, cached phrase"]),
            40,
            "×",
            "more",
        ),
        Result(
            "10 phrases, encoding included, vs forward",
            median_ratio(seconds["forward, 10 phrases"], seconds["adapter, encode + 10 phrases"]),
            7,
            "×",
            "more",
        ),
    ]
    return report("prompting", results, seconds, arguments.out)


def candidates() -> dict[str, Callable[[], object]]:
    """Jobs of the adapter, and of transformers for the same phrases."""
    network, plane = build_network(), random_plane()
    segmenter = build_segmenter(network)
    pixels = network.preprocessing.normalize(plane[None])
    embedding = segmenter.encode(plane)
    # Phrases that no job has seen, in the three words a person might type.
    unseen = (" ".join(words) for words in itertools.permutations(WORDS, 3))

    def forward(n_phrases: int) -> object:
        phrases = list(itertools.islice(unseen, n_phrases))
        tokens = network.tokenizer(phrases, padding=True, return_tensors="pt")
        with torch.inference_mode():
            images = pixels.repeat(n_phrases, 1, 1, 1)
            return network.model(pixel_values=images, **tokens).logits.sigmoid().numpy()

    def prompt(start: Embedding, phrases: Iterable[str]) -> object:
        rows = [ClassPrompt(phrase, (phrase,)) for phrase in phrases]
        return segmenter.predict(start, [segmenter.condition(row)[0] for row in rows])

    return {
        "forward, 1 phrase": lambda: forward(1),
        "adapter, cached phrase": lambda: prompt(embedding, WORDS[:1]),
        "adapter, new phrase": lambda: prompt(embedding, [next(unseen)]),
        "forward, 10 phrases": lambda: forward(10),
        "adapter, encode + 10 phrases": lambda: prompt(
            segmenter.encode(plane), itertools.islice(unseen, 10)
        ),
    }


if __name__ == "__main__":
    sys.exit(not main())
