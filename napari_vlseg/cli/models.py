"""``napari-vlseg models``: all models in a table, or one with its card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.options import AsJson, Debug
from napari_vlseg.cli.reporter import Reporter, reporting

if TYPE_CHECKING:
    from napari_vlseg.models.spec import ModelSpec


def models(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Show one model with vocabulary and card.")
    ] = "",
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """List the models: name, prompts they take, licence, size, present or not.

    With a NAME, show one model with its vocabulary and its card.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.models import registry

        specs, notices = registry.discover()
        for notice in notices:
            reporter.on_event(notice)
        if name:
            _show_one(reporter, _chosen(specs, name))
        else:
            _show_all(reporter, specs)


def _show_all(reporter: Reporter, specs: Sequence[ModelSpec]) -> None:
    from rich.box import SIMPLE
    from rich.table import Column, Table

    table = Table(
        *(Column(name, no_wrap=True) for name in ("name", "prompts", "licence")),
        *("size", "present"),
        box=SIMPLE,
        caption="A model that is not present is downloaded when it is first used.",
    )
    rows = [_facts(spec) for spec in specs]
    for row in rows:
        table.add_row(row["name"], _prompts(row), row["licence"], _size(row), _present(row))
    reporter.result({"models": rows, "notices": reporter.notices}, table)


def _show_one(reporter: Reporter, spec: ModelSpec) -> None:
    from napari_vlseg.models.cards import read_card

    facts, card = _facts(spec), read_card(spec)
    rows = {
        "prompts": _prompts(facts),
        "licence": spec.licence,
        "size": _size(facts),
        "source": spec.repo_id or spec.source,
        "present": _present(facts),
        "card": card.place or "none",
    }
    if "text" in spec.prompts:
        rows["words"] = ", ".join(card.words) or "any"
    document = {
        **facts,
        "vocabulary": list(card.words),
        "card": {"place": card.place, "text": card.text},
        "notices": reporter.notices,
    }
    lines = [f"{spec.name}: {spec.title}", "", *(f"{key:<9}{rows[key]}" for key in rows)]
    if card.summary:
        lines += ["", card.summary]
    reporter.result(document, "\n".join(lines))


def _chosen(specs: Sequence[ModelSpec], name: str) -> ModelSpec:
    from napari_vlseg.errors import ModelError

    by_name = {spec.name: spec for spec in specs}
    if name not in by_name:
        raise ModelError(f"There is no model “{name}”: choose {', '.join(by_name)}.")
    return by_name[name]


def _facts(spec: ModelSpec) -> dict[str, Any]:
    from napari_vlseg.models.spec import DEFAULT_MODEL

    return {
        "name": spec.name,
        "title": spec.title,
        "prompts": list(spec.prompts),
        "licence": spec.licence,
        "size_mb": spec.size_mb,
        "source": spec.source,
        "present": spec.is_present(),
        "default": spec.name == DEFAULT_MODEL,
    }


def _prompts(facts: dict[str, Any]) -> str:
    return ", ".join(facts["prompts"])


def _size(facts: dict[str, Any]) -> str:
    return f"{facts['size_mb']:.0f} MB"


def _present(facts: dict[str, Any]) -> str:
    return "yes" if facts["present"] else "no"
