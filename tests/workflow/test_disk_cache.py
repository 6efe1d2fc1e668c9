"""A folder of embeddings: exact, bounded, shared, and never trusted blindly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from napari_vlseg.errors import CacheError, SettingsError
from napari_vlseg.models.base import PackedEmbedding
from napari_vlseg.workflow import disk_cache, embedding_files
from napari_vlseg.workflow.disk_cache import DiskCache
from napari_vlseg.workflow.embedding_files import (
    SUFFIX,
    EmbeddingFacts,
    read_embedding,
    read_facts,
    write_embedding,
)

FACTS = EmbeddingFacts("tiny", (75, 120))
META = {"working_scale": 1.5, "windows": [[0, 1], [2, 3]], "name": "µ"}


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAPARI_VLSEG_CACHE_GB")


def packed(key: str = "key", size: int = 1000, seed: int = 0) -> PackedEmbedding:
    generator = torch.Generator().manual_seed(seed)
    exact = torch.randn(2, size // 8, generator=generator)
    return PackedEmbedding(
        key, {"exact": exact, "short": torch.ones(3), "count": torch.arange(4)}, dict(META)
    )


def assert_same(found: PackedEmbedding | None, expected: PackedEmbedding) -> None:
    assert found is not None
    assert (found.key, found.meta) == (expected.key, expected.meta)
    assert found.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache", max_bytes=10**6)


@pytest.fixture
def file(cache: DiskCache) -> Path:
    cache.write(packed(), FACTS)
    (path,) = cache.folder.iterdir()
    return path


def test_what_is_read_is_what_was_written(cache, file):
    assert_same(cache.read("key"), packed())
    assert cache.read("other") is None
    assert read_facts(file) == FACTS


def test_values_that_bfloat16_holds_take_half_the_room(tmp_path):
    values = torch.randn(100_000).bfloat16().float()
    sizes = [
        write_embedding(tmp_path / f"{n}{SUFFIX}", PackedEmbedding("k", {"maps": maps}), FACTS)
        for n, maps in enumerate((values, values + 1e-6))
    ]
    assert sizes[0] < 0.51 * sizes[1]
    found = read_embedding(tmp_path / f"0{SUFFIX}", "k").tensors["maps"]
    assert found.dtype == torch.float32
    assert torch.equal(found, values)


def test_every_cut_and_every_altered_byte_is_noticed(cache, file):
    whole = file.read_bytes()
    for length in range(0, len(whole), 41):
        file.write_bytes(whole[:length])
        assert cache.read("key") is None, length
    for place in range(0, len(whole), 37):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        found = cache.read("key")
        if found is not None:  # a byte of the header that says nothing, such as a blank
            assert_same(found, packed())
    file.write_bytes(whole)
    assert_same(cache.read("key"), packed())


def test_another_key_in_the_place_of_a_file_is_noticed(cache, file):
    cache.write(packed("other"), FACTS)
    (other,) = set(cache.folder.iterdir()) - {file}
    file.write_bytes(other.read_bytes())
    assert cache.read("key") is None


def test_an_older_form_is_not_read_and_is_replaced(cache, file, monkeypatch):
    monkeypatch.setattr(embedding_files, "FORMAT", "2")
    assert cache.read("key") is None
    cache.write(packed(), FACTS)
    assert_same(cache.read("key"), packed())
    assert list(cache.folder.iterdir()) == [file]


def test_a_header_that_says_nothing_is_not_read(tmp_path):
    for text in (b"{}", b"[]", b'{"__metadata__": 1}', b'{"__metadata__": {}}', b"no json"):
        path = tmp_path / "bad"
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        for read in (read_facts, lambda path: read_embedding(path, "key")):
            with pytest.raises(CacheError, match="encode the image again"):
                read(path)


def aged(path: Path, seconds: float) -> None:
    os.utime(path, (1e9 + seconds, 1e9 + seconds))


def test_those_unused_for_longest_go_first(tmp_path):
    size = write_embedding(tmp_path / "size", packed(), FACTS)
    cache = DiskCache(tmp_path / "cache", max_bytes=int(4.5 * size))
    for number, key in enumerate("abcd"):
        cache.write(packed(key), FACTS)
        aged(cache._path(key), number)
    assert cache.read("a") is not None
    cache.write(packed("e"), FACTS)
    assert [key for key in "abcde" if cache.read(key) is not None] == ["a", "d", "e"] or [
        key for key in "abcde" if cache.read(key) is not None
    ] == ["a", "c", "d", "e"]
    assert cache.contents().n_bytes <= cache.max_bytes


def test_the_bound_holds_for_what_another_process_wrote(tmp_path):
    size = write_embedding(tmp_path / "size", packed(), FACTS)
    for number in range(8):
        DiskCache(tmp_path / "cache", 10**9).write(packed(str(number)), FACTS)
    small = DiskCache(tmp_path / "cache", max_bytes=3 * size)
    small.write(packed("new"), FACTS)
    assert small.read("new") is not None
    assert small.contents().n_bytes <= 3 * size


def test_one_larger_than_the_bound_leaves_the_others_alone(cache):
    cache.write(packed("small"), FACTS)
    cache.write(packed("large", 10**7), FACTS)
    assert cache.read("large") is None
    assert cache.read("small") is not None


def test_unfinished_files_go_when_they_are_old(cache, file):
    old, new = (cache.folder / f".tmp-{name}{SUFFIX}" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(bytes(2 * 10**6))
    aged(old, 0)
    assert cache.contents().n_files == 2
    DiskCache(cache.folder, 10**6).write(packed("other"), FACTS)
    assert not old.exists()
    assert new.exists()
    assert cache.read("key") is not None


def test_it_counts_and_clears_its_own_files_only(cache, file):
    cache.write(packed("other"), EmbeddingFacts("large", (9, 9)))
    damaged = cache.folder / f"damaged{SUFFIX}"
    damaged.write_bytes(b"xy")
    mine = cache.folder / "notes.safetensors"
    mine.write_text("not an embedding")
    contents = cache.contents()
    assert contents.n_files == 3
    assert {name: n for name, (n, _) in contents.by_model.items()} == {"tiny": 1, "large": 1, "": 1}
    assert contents.n_bytes == sum(size for _, size in contents.by_model.values())
    assert cache.clear() == 3
    assert list(cache.folder.iterdir()) == [mine]
    assert cache.contents().by_model == {}


def test_nothing_is_there_before_the_first(tmp_path):
    cache = DiskCache(tmp_path / "nowhere")
    assert (cache.read("key"), cache.contents().n_files, cache.clear()) == (None, 0, 0)
    assert not cache.folder.exists()


def test_zero_switches_it_off(tmp_path):
    cache = DiskCache(tmp_path / "cache", max_bytes=0)
    cache.write(packed(), FACTS)
    assert not cache.folder.exists()
    assert not cache.is_on


def test_the_environment_chooses_folder_and_bound(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_VLSEG_CACHE", str(tmp_path / "here"))
    monkeypatch.setenv("NAPARI_VLSEG_CACHE_GB", "1.5")
    assert DiskCache().folder == tmp_path / "here"
    assert DiskCache().max_bytes == 1_500_000_000
    assert DiskCache(tmp_path, 7).folder == tmp_path
    assert DiskCache(tmp_path, 7).max_bytes == 7
    for wrong in ("much", "-1", "inf", "nan"):
        monkeypatch.setenv("NAPARI_VLSEG_CACHE_GB", wrong)
        with pytest.raises(SettingsError, match=f"“{wrong}” .* switches the cache off"):
            DiskCache().read("key")


def test_by_default_it_is_in_the_users_cache_and_leaves_room(tmp_path, monkeypatch):
    monkeypatch.delenv("NAPARI_VLSEG_CACHE", raising=False)
    assert DiskCache().folder.name == "embeddings"
    assert "napari-vlseg" in DiskCache().folder.parts
    monkeypatch.setattr(disk_cache, "_free_bytes", lambda folder: 10**10)
    assert DiskCache(tmp_path).max_bytes == 10**9
    monkeypatch.setattr(disk_cache, "_free_bytes", lambda folder: 10**12)
    assert DiskCache(tmp_path).max_bytes == 5 * 10**9


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = DiskCache(tmp_path / "file" / "cache")
    with pytest.raises(CacheError, match=r"can't be written because .*choose another folder"):
        cache.write(packed(), FACTS)
    assert cache.read("key") is None


WRITER = """
import sys
from pathlib import Path
from tests.workflow.test_disk_cache import write_and_read
write_and_read(Path(sys.argv[1]))
"""


def write_and_read(folder: Path) -> None:
    """Room for two of three, so that each process deletes what the other reads."""
    cache = DiskCache(folder, max_bytes=6000)
    for turn in range(30):
        for key in "abc":
            size = 500 + turn % 7  # as of an embedding that grew
            tensors = {"maps": torch.full((size,), ord(key) + 1e-4)}
            cache.write(PackedEmbedding(key, tensors), FACTS)
            found = cache.read("abc"[turn % 3])
            assert found is None or (found.tensors["maps"] == ord(found.key) + 1e-4).all()


def test_two_processes_share_a_folder(tmp_path):
    root = Path(__file__).parents[2]
    other = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=root, stderr=subprocess.PIPE, text=True
    )
    while other.poll() is None:
        write_and_read(tmp_path)
    assert (other.communicate()[1], other.returncode) == ("", 0)
    contents = DiskCache(tmp_path).contents()
    assert 0 < contents.n_files <= 3
    assert "" not in contents.by_model
    assert not list(tmp_path.glob(".tmp-*"))
