"""Prompt, correct and teach: segmentation with text, references and clicks in napari.

The names below load their modules on first use, so that importing the package costs
nothing: neither torch nor Qt is loaded until a model or a window is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_vlseg._version import __version__

if TYPE_CHECKING:
    from napari_vlseg.corrections.store import Project
    from napari_vlseg.prompts import ClassPrompt, PromptTable, ReferencePrompt
    from napari_vlseg.proposals import PostProcess, Proposals
    from napari_vlseg.workflow.api import load_model, segment, segment_everything
    from napari_vlseg.workflow.export import export_project
    from napari_vlseg.workflow.large_api import segment_large
    from napari_vlseg.workflow.through import link, propagate

_HOMES = {
    "load_model": "napari_vlseg.workflow.api",
    "segment": "napari_vlseg.workflow.api",
    "segment_everything": "napari_vlseg.workflow.api",
    "segment_large": "napari_vlseg.workflow.large_api",
    "Project": "napari_vlseg.corrections.store",
    "export_project": "napari_vlseg.workflow.export",
    "link": "napari_vlseg.workflow.through",
    "propagate": "napari_vlseg.workflow.through",
    "ClassPrompt": "napari_vlseg.prompts",
    "PromptTable": "napari_vlseg.prompts",
    "ReferencePrompt": "napari_vlseg.prompts",
    "PostProcess": "napari_vlseg.proposals",
    "Proposals": "napari_vlseg.proposals",
}

__all__ = [
    "ClassPrompt",
    "PostProcess",
    "Project",
    "PromptTable",
    "Proposals",
    "ReferencePrompt",
    "__version__",
    "export_project",
    "link",
    "load_model",
    "propagate",
    "segment",
    "segment_everything",
    "segment_large",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
