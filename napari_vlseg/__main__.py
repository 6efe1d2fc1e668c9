"""``python -m napari_vlseg`` is ``napari-vlseg``."""

from __future__ import annotations

from napari_vlseg.cli import main

if __name__ == "__main__":
    main()
