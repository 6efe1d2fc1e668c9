"""``napari-vlseg segment``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.options import (
    AsJson,
    CacheFolder,
    Debug,
    NoCache,
    Out,
    SchedulerFile,
    TlsCa,
    TlsCert,
    TlsKey,
)
from napari_vlseg.cli.reporter import ExitCode, Reporter, reporting

if TYPE_CHECKING:
    from napari_vlseg.proposals import ModelInfo
    from napari_vlseg.workflow.batch import Outcome

_PROMPT = "Prompt"
_IMAGE = "Image"
_LABELS = "Labels"
_MODEL = "Model"
_RESUMABLE = {"images": "images", "segmenting blocks": "blocks"}


def segment(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES",
            help='Images, folders of images, and patterns in quotes, such as "slides/**/*.tif".',
        ),
    ],
    out: Out,
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            "-t",
            metavar="PROMPT",
            help='What to find: "nuclei" or "class=phrase,phrase;-negative". Once per class.',
            rich_help_panel=_PROMPT,
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            "-r",
            metavar="REF",
            help=r"Example, as IMAGE:MASK\[:class]: the non-zero pixels of MASK. May be repeated.",
            rich_help_panel=_PROMPT,
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything",
            help="Outline all objects with a click model, instead of a prompt.",
            rich_help_panel=_PROMPT,
        ),
    ] = False,
    mix: Annotated[
        float,
        typer.Option(
            metavar="A",
            min=0,
            max=1,
            help="Where a class has both: 0 is text alone, 1 references alone.",
            rich_help_panel=_PROMPT,
        ),
    ] = 0.5,
    reference_context: Annotated[
        float,
        typer.Option(
            metavar="C",
            min=0,
            help="Margin around a reference, as a share of its longer side.",
            rich_help_panel=_PROMPT,
        ),
    ] = 0.1,
    reference_background: Annotated[
        float,
        typer.Option(
            metavar="B",
            min=0,
            max=1,
            help="Brightness of what surrounds a reference, as a share.",
            rich_help_panel=_PROMPT,
        ),
    ] = 0.1,
    reference_blur: Annotated[
        float,
        typer.Option(
            metavar="SIGMA",
            min=0,
            help="Blur of what surrounds a reference, in pixels.",
            rich_help_panel=_PROMPT,
        ),
    ] = 3.0,
    template: Annotated[
        str,
        typer.Option(
            metavar="SET",
            help="Sentences around the phrases: plain, photo, microscopy or medical.",
            rich_help_panel=_PROMPT,
        ),
    ] = "plain",
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="T",
            min=0,
            max=1,
            help="Probability from which a pixel counts; with --everything, predicted IoU from "
            r"which an object does. \[default: the model's]",
            rich_help_panel=_LABELS,
        ),
    ] = None,
    semantic: Annotated[
        bool,
        typer.Option(
            "--semantic/--instances",
            help="One label per class, or one per object.",
            rich_help_panel=_LABELS,
        ),
    ] = False,
    min_size: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="PIXELS",
            help="Drop objects of fewer pixels.",
            rich_help_panel=_LABELS,
        ),
    ] = 16,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            help="Also write the maps, float32 (class, row, column), as <stem>_probabilities.tif.",
            rich_help_panel=_LABELS,
        ),
    ] = False,
    plane: Annotated[
        str | None,
        typer.Option(
            metavar="I[,J...]",
            help="Plane of a stack: a position on each leading axis, from 0.",
            rich_help_panel=_IMAGE,
        ),
    ] = None,
    planes: Annotated[
        str | None,
        typer.Option(
            metavar="all|I,J|I-J",
            help="Planes of a stack, whose labels become one OME-Zarr.",
            rich_help_panel=_IMAGE,
        ),
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(
            metavar="LETTERS",
            help="Axes of the file, such as TCZYX, where it does not say or is wrong.",
            rich_help_panel=_IMAGE,
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="S[,S]",
            help="Micrometres per pixel, or of rows and of columns, where the file does not say "
            "or is wrong.",
            rich_help_panel=_IMAGE,
        ),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="I[=COLOR]",
            help="Channel to look at, and its colour as #rrggbb. May be repeated. "
            r"\[default: all]",
            rich_help_panel=_IMAGE,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A name from `napari-vlseg models`, or a local folder. "
            r"\[default: vlseg-mini; with --everything sam-mini]",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            metavar="DEVICE",
            help="auto, cpu, cuda, cuda:1, mps, or a cluster: tcp://host:8786.",
            rich_help_panel=_MODEL,
        ),
    ] = "auto",
    scheduler_file: SchedulerFile = None,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    working_scale: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help=r"Image pixels per model pixel; above 1 for large objects. \[default: automatic]",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    refine: Annotated[
        str | None,
        typer.Option(
            "--refine",
            metavar="NAME|PATH",
            help="Click model that outlines each object found, such as sam-mini.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    edges: Annotated[
        bool | None,
        typer.Option(
            "--edges/--no-edges",
            help=r"Draw objects to the edges of the image. \[default: the model's]",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Never download a model.", rich_help_panel=_MODEL),
    ] = False,
    redo: Annotated[
        bool,
        typer.Option(
            "--redo",
            help="Also segment what an earlier run into DIR has done in just this way.",
        ),
    ] = False,
    cache: CacheFolder = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Segment images by text, by reference regions, by both, or without a prompt.

    Writes DIR/<stem>.tif (labels, 0 is background), DIR/proposals.json (one
    record per object) and the tables summary and objects. Large images, and
    several planes, become DIR/<stem>.ome.zarr. Folders below the given one are
    kept below DIR. The same command again goes on where it was stopped. Files
    of an earlier run are replaced, other files never.
    """
    with reporting(as_json, debug, resumable=_RESUMABLE) as reporter:
        from napari_vlseg.cli.cache import open_cache
        from napari_vlseg.cli.everything import check_goes_with_everything, everything_question
        from napari_vlseg.cli.parsing import (
            build_table,
            parse_channels,
            parse_pixel_size,
            parse_plane,
            parse_planes,
        )
        from napari_vlseg.cli.references import parse_reference
        from napari_vlseg.cli.workplace import Device, working_at
        from napari_vlseg.errors import SettingsError
        from napari_vlseg.models import registry
        from napari_vlseg.proposals import PostProcess
        from napari_vlseg.visual_prompts import VisualPromptSettings
        from napari_vlseg.workflow.batch import write_proposals
        from napari_vlseg.workflow.inputs import find_inputs, left_out
        from napari_vlseg.workflow.jobs import plan_jobs
        from napari_vlseg.workflow.plane_tasks import PlaneQuestion, TextQuestion
        from napari_vlseg.workflow.refine import check_instances
        from napari_vlseg.workflow.selecting import Selection

        specs = [parse_reference(spec) for spec in reference or ()]
        inputs = [path for spec in specs for path in (spec.image, spec.mask)]
        if plane is not None and planes is not None:
            raise SettingsError("--plane and --planes both say which planes: leave out one.")
        selection = Selection(
            parse_plane(plane),
            parse_planes(planes),
            parse_channels(channel or ()),
            axes,
            parse_pixel_size(scale),
        )
        place = Device(device, offline, scheduler_file, tls_ca, tls_cert, tls_key)
        kept = None if no_cache else open_cache(cache)
        if everything:
            check_goes_with_everything(
                {
                    "--text": text,
                    "--reference": reference,
                    "--semantic": semantic,
                    "--refine": refine,
                    "--working-scale": working_scale,
                    "--edges": edges is not None,
                }
            )
            names = [model or registry.DEFAULT_CLICK_MODEL]
            question: PlaneQuestion = everything_question(threshold, min_size)
        else:
            visual = VisualPromptSettings(reference_context, reference_background, reference_blur)
            table = build_table(text or (), specs, mix, threshold, template, visual)
            post = PostProcess(mode="semantic" if semantic else "instances", min_size=min_size)
            if refine is not None:
                check_instances(post.mode)
            names = [model or registry.DEFAULT_MODEL, *([refine] if refine is not None else [])]
            question = TextQuestion(table, post, working_scale, edges)
        found, others = find_inputs(images, out)
        if others:
            reporter.note(left_out(others))
        jobs = plan_jobs(found, out, probabilities=probabilities, inputs=inputs)
        with working_at(place, names, reporter, kept) as runner:
            work = write_proposals(jobs, question, runner, selection, redo=redo)
            _report(reporter, reporter.run(work), runner.models[0], out)


def _report(reporter: Reporter, outcomes: Sequence[Outcome], model: ModelInfo, out: Path) -> None:
    from rich.table import Table

    from napari_vlseg.workflow.records import RECORDS_NAME

    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    has_labels = any(outcome.labels for outcome in outcomes)
    document: dict[str, Any] = {
        "out": str(out),
        "records": str(out / RECORDS_NAME) if has_labels else None,
        "model": str(model),
        "device": model.device,
        "images": [outcome.to_dict() for outcome in outcomes],
        "notices": reporter.notices,
    }
    table = Table("image", *_class_names(outcomes), "covered")
    for outcome in outcomes:
        if outcome.error is None:
            counts = [str(outcome.classes[name]) for name in _class_names(outcomes)]
            table.add_row(Path(outcome.image).name, *counts, f"{outcome.coverage:.1%}")
    if table.row_count:
        reporter.result(document, table, f"Labels, {RECORDS_NAME} and tables are in {out}")
    else:
        reporter.result(document)
    if failed:
        if len(outcomes) > 1:
            reporter.fail(f"{len(failed)} of {len(outcomes)} images could not be segmented.")
        raise typer.Exit(ExitCode.USER_ERROR)


def _class_names(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(name for outcome in outcomes for name in outcome.classes))
