"""A small CLIP tokenizer: byte-level BPE whose merges spell the vocabulary.

Words of the vocabulary become one or two tokens, all other words fall apart into
short pieces: an unknown word looks like the made-up words of the training, which
the model has learned to answer with nothing.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from tokenizers import pre_tokenizers
from transformers import CLIPTokenizer

from napari_vlseg.training.unknown_words import random_phrase
from napari_vlseg.training.vocabulary import known_words

MAX_LENGTH = 32
_WORD_END = "</w>"
_START, _END = "<|startoftext|>", "<|endoftext|>"
_VOCABULARY_REPEATS = 40
_OTHER_PHRASES = 600
_MERGES = 640
_FEWEST_OCCURRENCES = 8


def training_corpus() -> list[str]:
    """Lines the merges are learned from: the vocabulary, and a little of everything else."""
    rng = np.random.default_rng(0)
    others = [random_phrase(rng) for _ in range(_OTHER_PHRASES)]
    return sorted(known_words()) * _VOCABULARY_REPEATS + others


def build_tokenizer(corpus: list[str], merges: int = _MERGES) -> CLIPTokenizer:
    """Learn the merges and wrap them as CLIP's tokenizer.

    All 256 bytes are in the vocabulary, inside a word and at its end; CLIP's
    tokenizer would read an unknown byte as the end of the text.

    Parameters
    ----------
    corpus : list of str
        Lines of text.
    merges : int
        Upper bound on the number of merges.

    Returns
    -------
    CLIPTokenizer
        Truncates at `MAX_LENGTH` tokens when asked to truncate.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learned = _learn_merges(corpus, merges)
    tokens = [*alphabet, *(letter + _WORD_END for letter in alphabet)]
    tokens += dict.fromkeys(left + right for left, right in learned)
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    for special in (_START, _END):
        vocabulary[special] = len(vocabulary)
    return CLIPTokenizer(vocab=vocabulary, merges=learned, model_max_length=MAX_LENGTH)


def _learn_merges(corpus: list[str], merges: int) -> list[tuple[str, str]]:
    """BPE merges under CLIP's own normalisation and word splitting.

    The most frequent pair is merged again and again (Sennrich, Haddow & Birch, ACL 2016); of
    equally frequent pairs the first in alphabetical order. The trainer of the tokenizers
    library leaves that to chance, and a resumed run would read other tokens than it learned.
    """
    backend = CLIPTokenizer().backend_tokenizer
    words: Counter[str] = Counter()
    for line, count in Counter(corpus).items():
        normalised = backend.normalizer.normalize_str(line)
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(normalised):
            words[word] += count
    spelled = {word: [*word[:-1], word[-1] + _WORD_END] for word in sorted(words)}
    learned: list[tuple[str, str]] = []
    while len(learned) < merges:
        counts: Counter[tuple[str, str]] = Counter()
        for word, letters in spelled.items():
            for pair in pairwise(letters):
                counts[pair] += words[word]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[best] < _FEWEST_OCCURRENCES:
            break
        learned.append(best)
        spelled = {word: _joined(letters, best) for word, letters in spelled.items()}
    return learned


def _joined(letters: list[str], pair: tuple[str, str]) -> list[str]:
    """The letters with each occurrence of a pair made one."""
    joined: list[str] = []
    for letter in letters:
        if joined and (joined[-1], letter) == pair:
            joined[-1] += letter
        else:
            joined.append(letter)
    return joined
