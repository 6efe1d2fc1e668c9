"""What is installed here and on the workers, as far as it decides the results."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from napari_vlseg._version import __version__
from napari_vlseg.errors import ClusterError

_COMPARED = ("torch", "transformers")


def installed_versions() -> dict[str, str]:
    """Version by package, nothing of which is imported; empty for one that is missing.

    Examples
    --------
    >>> sorted(installed_versions())
    ['napari-vlseg', 'torch', 'transformers']
    """
    return {"napari-vlseg": __version__, **{name: _version(name) for name in _COMPARED}}


def check_package(workers: Mapping[str, Mapping[str, str]], own: Mapping[str, str]) -> None:
    """Refuse workers with another version of this package: they read tasks in another way.

    Parameters
    ----------
    workers, own
        See `version_notices`.

    Raises
    ------
    ClusterError
    """
    here = own["napari-vlseg"]
    for worker, found in workers.items():
        there = found["napari-vlseg"]
        if there != here:
            raise ClusterError(
                f"The worker {worker} has napari-vlseg {there} and this machine has {here}: "
                "install one version on all machines."
            )


def version_notices(workers: Mapping[str, Mapping[str, str]], own: Mapping[str, str]) -> list[str]:
    """One sentence for each package of which a worker has another version.

    Parameters
    ----------
    workers : mapping
        `installed_versions` by address of a worker.
    own : mapping
        Of this machine.
    """
    notices = []
    for package in _COMPARED:
        # torch tells after a plus sign what it was built for, which differs as machines do.
        here = own[package].partition("+")[0]
        others = {found[package].partition("+")[0] for found in workers.values()} - {here}
        if others:
            notices.append(
                f"Workers have {package} {', '.join(sorted(others))} and this machine has {here}: "
                "results may differ in the last digits; install one version for equal ones."
            )
    return notices


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
