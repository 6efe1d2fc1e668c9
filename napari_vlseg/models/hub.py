"""Models from a hub: found in the local cache, or downloaded once with progress.

The download runs in a thread of its own; the generator reports what that thread received and
stops it when the consumer closes the generator.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import atomic_write_text

WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of weights files, the preferred one first."""
_CONFIGURATION = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "vocabulary.json",
    "vlseg.json",
)
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class HubRepository:
    """Where a model lives.

    Attributes
    ----------
    repo_id : str
        ``owner/name``.
    endpoint : str or None
        Address of the hub; None is huggingface_hub's own (``HF_ENDPOINT``).
    cache_dir : pathlib.Path or None
        Folder of downloads; None is huggingface_hub's own (``HF_HOME``).
    """

    repo_id: str
    endpoint: str | None = None
    cache_dir: Path | None = None


def is_offline(requested: bool | None = None) -> bool:
    """Whether the network is off limits: as requested, else as the environment says."""
    if requested is not None:
        return requested
    switched_on = {"1", "ON", "YES", "TRUE"}
    return any(os.environ.get(v, "").upper() in switched_on for v in _OFFLINE_VARIABLES)


def cached_folder(repository: HubRepository) -> Path | None:
    """Folder of a complete earlier download, or None."""
    from huggingface_hub import try_to_load_from_cache

    def find(name: str) -> Path | None:
        path = try_to_load_from_cache(repository.repo_id, name, cache_dir=repository.cache_dir)
        return Path(path) if isinstance(path, str) else None

    config = find("config.json")
    has_weights = any(find(name) is not None for name in WEIGHTS_FILES)
    return config.parent if config is not None and has_weights else None


def fetch_steps(repository: HubRepository, offline: bool | None = None) -> Work[Path]:
    """Folder of a model, downloaded where it is not in the cache yet.

    Parameters
    ----------
    repository : HubRepository
    offline : bool, optional
        True never uses the network; None follows ``HF_HUB_OFFLINE``.

    Yields
    ------
    Progress
        Bytes received of bytes in all.

    Raises
    ------
    ModelError
        If it is absent and can't be downloaded, or arrives damaged.
    """
    folder = cached_folder(repository)
    if folder is not None:
        return folder
    name = repository.repo_id.rpartition("/")[2]
    if is_offline(offline):
        raise ModelError(
            f"The model {name} is not on this machine and the network is switched off: go online "
            "once to download it, or give the path of a folder that holds it."
        )
    return (yield from _download(repository, name))


def _download(repository: HubRepository, name: str) -> Work[Path]:
    meter = _Meter()
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vlseg-download")
    future = pool.submit(_reported, repository, name, meter)
    try:
        while not _finished(future):
            if meter.total:
                yield Progress(f"downloading {name}", min(meter.done, meter.total), meter.total)
    finally:
        meter.cancelled.set()
        pool.shutdown(wait=False)
    folder = future.result()
    yield Progress(f"downloading {name}", meter.total, meter.total)
    return folder


def _finished(future: Future[Path]) -> bool:
    try:
        future.exception(timeout=_POLL_SECONDS)
    except TimeoutError:
        return False
    return True


class _DownloadCancelledError(Exception):
    """Ends the download thread; never seen outside it."""


@dataclass
class _Meter:
    """What the download thread tells the generator, and the other way round."""

    done: int = 0
    total: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    def add(self, n_bytes: float | None) -> None:
        if self.cancelled.is_set():
            raise _DownloadCancelledError
        self.done += int(n_bytes or 0)


def _reported(repository: HubRepository, name: str, meter: _Meter) -> Path:
    """Download; turn every way to fail into one sentence with a remedy."""
    # HTTPError is the base class of the hub's HTTP client, which changes between versions.
    from huggingface_hub.errors import GatedRepoError, HTTPError, RepositoryNotFoundError

    try:
        return _download_files(repository, meter)
    except GatedRepoError as error:
        raise ModelError(
            f"The model {name} is given only to those who accept its licence: accept it at "
            f"{_page(repository)} with your account, log in here with “hf auth login” (or set "
            "HF_TOKEN), and try again."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"There is no model {_page(repository)}, or it is private: check its name, log in "
            "with “hf auth login” if it is private, or give the path of a folder that holds it."
        ) from error
    except (HTTPError, OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"The model {name} could not be downloaded ({reason}): check the connection and "
            "try again, or give the path of a folder that holds it."
        ) from error


def _page(repository: HubRepository) -> str:
    """Address of a model's page."""
    from huggingface_hub import constants

    return f"{(repository.endpoint or constants.ENDPOINT).rstrip('/')}/{repository.repo_id}"


def _download_files(repository: HubRepository, meter: _Meter) -> Path:
    """Fetch every file of the revision that the hub has now, then say that it is here.

    All are of one revision although the hub may get another meanwhile, and the cache points
    to it only when the last file is verified.
    """
    from huggingface_hub import HfApi, hf_hub_download

    info = HfApi(endpoint=repository.endpoint).model_info(repository.repo_id, files_metadata=True)
    files = _wanted({item.rfilename: item for item in info.siblings or ()}, repository.repo_id)
    meter.total = sum(item.size or 0 for item in files.values())
    bar = _metered_bar(meter.add)
    finished, path = 0, Path()
    for name, item in files.items():
        meter.add(0)
        path = Path(
            hf_hub_download(
                repository.repo_id,
                name,
                revision=info.sha,
                cache_dir=repository.cache_dir,
                endpoint=repository.endpoint,
                tqdm_class=bar,
            )
        )
        _verify(path, item)
        finished += item.size or 0
        meter.done = finished
    folder = path.parent
    references = folder.parents[1] / "refs"
    references.mkdir(exist_ok=True)
    atomic_write_text(references / "main", folder.name, error=ModelError)
    return folder


def _wanted(available: Mapping[str, Any], repo_id: str) -> dict[str, Any]:
    """The files to fetch. Weights come last, so that a broken download never looks complete."""
    weights = next((name for name in WEIGHTS_FILES if name in available), None)
    if weights is None or "config.json" not in available:
        raise ValueError(f"{repo_id} holds no weights that can be read")
    return {name: available[name] for name in (*_CONFIGURATION, weights) if name in available}


def _verify(path: Path, item: Any) -> None:
    """Compare a file with what the hub says about it, and remove it where they differ."""
    is_whole = item.size is None or path.stat().st_size == item.size
    if is_whole and item.lfs:
        with path.open("rb") as file:
            is_whole = hashlib.file_digest(file, "sha256").hexdigest() == item.lfs.sha256
    elif is_whole and item.blob_id:
        is_whole = _git_hash(path.read_bytes()) == item.blob_id
    if not is_whole:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise OSError(f"{item.rfilename} arrived incomplete or altered")


def _git_hash(content: bytes) -> str:
    """Name that git gives to a file; small files have no other hash on the hub."""
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def _metered_bar(report: Callable[[float | None], None]) -> type:
    """A tqdm that draws nothing and tells `report` how much has arrived."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class MeteredBar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            report(n)
            return super().update(n)

        # Xet downloads report received and written bytes; only the latter are counted.
        def update_transfer(self, n: float | None = 1) -> None:
            report(0)

        def set_transfer_postfix_str(self, *args: Any, **kwargs: Any) -> None:
            """Required beside `update_transfer`; there is no bar to write on."""

    return MeteredBar
