"""A small CLIP tokenizer: byte-level BPE whose merges spell the vocabulary.

Words of the vocabulary become one or two tokens, all other words fall apart into
short pieces: an unknown word looks like the made-up words of the training, which
the model has learned to answer with nothing.
"""

from __future__ import annotations

import json

import numpy as np
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

from napari_vlseg.training.unknown_words import random_phrase
from napari_vlseg.training.vocabulary import known_words

MAX_LENGTH = 32
_WORD_END = "</w>"
_START, _END = "<|startoftext|>", "<|endoftext|>"
_VOCABULARY_REPEATS = 40
_OTHER_PHRASES = 600
_MERGES = 640


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
    learned = _learn_merges(corpus, alphabet, merges)
    tokens = [*alphabet, *(letter + _WORD_END for letter in alphabet)]
    tokens += dict.fromkeys(left + right for left, right in learned)
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    for special in (_START, _END):
        vocabulary[special] = len(vocabulary)
    return CLIPTokenizer(vocab=vocabulary, merges=learned, model_max_length=MAX_LENGTH)


def _learn_merges(corpus: list[str], alphabet: list[str], merges: int) -> list[tuple[str, str]]:
    """BPE merges under CLIP's own normalisation and word splitting."""
    reference = CLIPTokenizer().backend_tokenizer
    learner = Tokenizer(BPE(end_of_word_suffix=_WORD_END, continuing_subword_prefix=""))
    learner.normalizer = reference.normalizer
    learner.pre_tokenizer = reference.pre_tokenizer
    trainer = BpeTrainer(
        vocab_size=2 * len(alphabet) + merges,
        min_frequency=8,
        end_of_word_suffix=_WORD_END,
        continuing_subword_prefix="",
        initial_alphabet=alphabet,
        show_progress=False,
        special_tokens=[],
    )
    learner.train_from_iterator(corpus, trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    return [(left, right) for left, right in learned]
