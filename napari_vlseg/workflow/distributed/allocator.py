"""Memory of a worker: kept for the next tensor instead of given back after each."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

# Parameters of mallopt(3), and the bounds up to which glibc raises the two itself where nobody has
# set one: DEFAULT_MMAP_THRESHOLD_MAX of 64-bit systems, and twice that.
_M_TRIM_THRESHOLD, _TRIM_BYTES = -1, 64 << 20
_M_MMAP_THRESHOLD, _MMAP_BYTES = -3, 32 << 20


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Let glibc keep memory that is freed, up to 64 MiB, whatever the environment says.

    Workers that dask's nanny starts have ``MALLOC_TRIM_THRESHOLD_=65536``, so that what tables
    took is given back to the system. A network frees and takes tensors of a few megabytes all
    the time; each then comes as fresh pages, which cost nearly as much as the arithmetic.

    Returns
    -------
    bool
        Whether that was possible: it is on Linux with glibc.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES) and mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES))
