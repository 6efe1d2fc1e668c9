"""Training sets from corrected labels: one module per format, one registry."""

from napari_vlseg.exporters.base import DEFAULT_CLASS, ExportItem
from napari_vlseg.exporters.registry import export, export_steps, formats

__all__ = ["DEFAULT_CLASS", "ExportItem", "export", "export_steps", "formats"]
