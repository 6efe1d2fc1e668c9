"""Native libraries that do not get on with each other in one process."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec


def import_triton_apart() -> None:
    """Import triton, where it is installed, so that it keeps to its own copy of LLVM.

    A software renderer (Mesa's llvmpipe: a machine without a GPU, a remote desktop, Xvfb) puts
    its LLVM among the global symbols. The loader would give them to triton, which torch imports
    on Linux, and the program would crash. Once triton is loaded nothing more can happen.
    """
    if not sys.platform.startswith("linux") or "triton" in sys.modules:
        return
    if find_spec("triton") is None:
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | getattr(os, "RTLD_DEEPBIND", 0))  # musl has no such flag
    try:
        with suppress(ImportError):  # torch does without it
            import_module("triton")
    finally:
        sys.setdlopenflags(flags)
