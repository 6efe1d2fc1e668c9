"""``napari-vlseg history``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_vlseg.cli.options import AsJson, Debug
from napari_vlseg.cli.reporter import reporting

if TYPE_CHECKING:
    from napari_vlseg.workflow.history import ImageHistory
    from napari_vlseg.workflow.stories import Step, Story

_WORDS = {"other": "by a program"}


_OF_NOBODY = ("propose", "threshold", "propagate", "import")
"""Kinds of edits that a program made, whoever had it work."""


def history(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="Project folder.")],
    object_uid: Annotated[
        str | None,
        typer.Option(
            "--object",
            metavar="UID",
            help="Tell the story of one object: its id, or the beginning of it.",
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="ID", help="Look at one image alone: its id or name."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tell what happened to a project, or to one object of it.

    Without --object: objects by status and source, edits by kind, people and
    times of each image. With it: every edit of the object in plain words.
    """
    with reporting(as_json, debug) as reporter:
        if object_uid is not None:
            from napari_vlseg.workflow.stories import object_story

            story = reporter.run(object_story(project, object_uid, image))
            document = {"project": str(project), **story.to_dict(), "notices": reporter.notices}
            reporter.result(document, "\n".join(_told(story)))
            return
        from napari_vlseg.workflow.history import project_history

        images = reporter.run(project_history(project, image))
        reporter.result(
            {
                "project": str(project),
                "images": [one.to_dict() for one in images],
                "notices": reporter.notices,
            },
            "\n".join(line for one in images for line in _counted(one)) or "There are no images.",
        )


def _counted(image: ImageHistory) -> Iterator[str]:
    yield f"{image.name}  ({image.id})"
    kinds = "; ".join(filter(None, (_listed(image.statuses), _listed(image.sources))))
    yield f"  objects  {image.objects}{': ' if kinds else ''}{kinds}"
    if image.edits:
        back = f"; {image.taken_back} taken back" if image.taken_back else ""
        kinds = _listed({_WORDS.get(op, op): number for op, number in image.edits.items()})
        yield f"  edits    {sum(image.edits.values())}: {kinds}{back}"
        for uid, person in image.people.items():
            seconds = f", {_duration(person.seconds)} at work" if person.seconds else ""
            edits = "1 edit" if person.edits == 1 else f"{person.edits} edits"
            yield f"  person   {uid or '(not recorded)'}: {edits}{seconds}"
        yield f"  time     {_moment(image.first)} to {_moment(image.last)}"


def _told(story: Story) -> Iterator[str]:
    row = story.row
    yield f"object   {story.uid}"
    yield f"image    {story.name}  ({story.image})"
    state = row.get("status") or "unknown" if story.is_there else "gone"
    yield f"now      {state}, {row.get('class') or 'no class'}, {row.get('area', 0)} pixels"
    if row.get("comment"):
        yield f"comment  {row['comment']}"
    for name, key in (("unsure", "uncertainty"), ("IoU", "iou_proposal_final")):
        value = row.get(key, float("nan"))
        if value == value and (story.is_there or key == "uncertainty"):
            meaning = "with what was proposed" if key != "uncertainty" else "the model, from 0 to 1"
            yield f"{name:8} {value:.2f}  ({meaning})"
    yield ""
    if not story.steps:
        yield "It was saved by a version that kept no journal of edits."
    for step in story.steps:
        yield f"{_moment(step.time)}  {step.text}{_circumstances(step)}"


def _circumstances(step: Step) -> str:
    parts = []
    if step.annotator and step.op not in _OF_NOBODY:
        parts.append(f" by {step.annotator[:8]}")
    if step.seconds:
        parts.append(f" after {step.seconds:.1f} s")
    if step.plane:
        parts.append(f" on plane {','.join(map(str, step.plane))}")
    return "".join(parts)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _moment(time: str) -> str:
    """A time without its fraction; the day alone where nothing more was recorded."""
    day, _, rest = time.partition("T")
    clock = rest[:8]
    return day if clock in ("", "00:00:00") else f"{day} {clock}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
