"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import napari_vlseg

ROOT = Path(napari_vlseg.__file__).parent


def modules_with_examples() -> list[str]:
    paths = (p for p in ROOT.rglob("*.py") if ">>> " in p.read_text(encoding="utf-8"))
    return sorted(
        ".".join((ROOT.name, *path.relative_to(ROOT).with_suffix("").parts)) for path in paths
    )


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_of(name: str) -> None:
    result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0
