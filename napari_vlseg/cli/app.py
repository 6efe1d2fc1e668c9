"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_vlseg._version import __version__
from napari_vlseg.cli import commands
from napari_vlseg.cli.anonymize import anonymize
from napari_vlseg.cli.cache import cache
from napari_vlseg.cli.calibrate import calibrate
from napari_vlseg.cli.compare import compare
from napari_vlseg.cli.demo import demo
from napari_vlseg.cli.encode import encode
from napari_vlseg.cli.finetune import finetune
from napari_vlseg.cli.history import history
from napari_vlseg.cli.join import join
from napari_vlseg.cli.link import link
from napari_vlseg.cli.models import models
from napari_vlseg.cli.next import next_images
from napari_vlseg.cli.options import Debug
from napari_vlseg.cli.project import project, status
from napari_vlseg.cli.propagate import propagate
from napari_vlseg.cli.segment import segment
from napari_vlseg.cli.simulate import simulate
from napari_vlseg.cli.verify import verify
from napari_vlseg.cli.window import open_napari


def _examples(*lines: str) -> str:
    return "\n\n".join(("[bold]Examples[/bold]", *(line.replace("[", r"\[") for line in lines)))


app = typer.Typer(
    name="napari-vlseg",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-vlseg {__version__}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    epilog=_examples(
        "napari-vlseg",
        "napari-vlseg demo",
        "napari-vlseg segment cells.tif --text nuclei --out labels",
        "napari-vlseg COMMAND --help",
    ),
)
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Prompt, correct and teach: find objects in images by text and by example.

    Without a command, napari opens with the VLSeg widget docked.
    """
    if context.invoked_subcommand is None:
        open_napari(debug)


app.command(
    epilog=_examples(
        "napari-vlseg demo",
        "napari-vlseg demo --out my-demo --no-show --json",
    )
)(demo)
app.command(
    epilog=_examples(
        "napari-vlseg segment cells.tif --text nuclei --out labels",
        'napari-vlseg segment *.png --text "nuclei=nuclei,cell nuclei;-specks" --out labels',
        "napari-vlseg segment b.tif --reference a.tif:a_mask.tif:nuclei --out labels",
        "napari-vlseg segment b.tif -t nuclei -r a.tif:a_mask.tif --mix 0.3 --json --out labels",
        "napari-vlseg segment cells.tif -t nuclei --refine sam-mini --out labels",
        "napari-vlseg segment cells.tif --everything --out labels",
    )
)(segment)
app.command(
    epilog=_examples(
        "napari-vlseg propagate stack.tif --seeds plane-12.tif --plane 12 --out labels",
        "napari-vlseg propagate film.tif --seeds first.tif --plane 0 --planes 0-40 --out tracked",
        "napari-vlseg propagate film.tif --seeds all.tif --model sam2.1-hiera-tiny --out tracked",
    )
)(propagate)
app.command(
    epilog=_examples(
        "napari-vlseg link labels.tif --out linked",
        "napari-vlseg link film.tif --splits --gap 1 --out tracks",
        "napari-vlseg link labels.tif --scale 2,0.5,0.5 --out linked --json",
    )
)(link)
app.command(
    epilog=_examples(
        "napari-vlseg encode *.tif",
        "napari-vlseg encode stack.tif --model vlseg-mini --model sam-mini",
        "napari-vlseg encode *.tif --model path/to/sam --cache project/embeddings",
    )
)(encode)
app.command(
    epilog=_examples(
        "napari-vlseg cache",
        "napari-vlseg cache --clear",
    )
)(cache)
app.command(
    epilog=_examples(
        "napari-vlseg project folder-of-images --out my-project",
        'napari-vlseg project plate --pattern "**/*.tif" --out my-project',
        "napari-vlseg project a.tif b.tif --out my-project",
    )
)(project)
app.command(
    epilog=_examples(
        "napari-vlseg status my-project",
        "napari-vlseg status my-project --json",
        "napari-vlseg status my-project --model mine.safetensors --wanted 0.9",
    )
)(status)
app.command(
    "next",
    epilog=_examples(
        "napari-vlseg next my-project",
        "napari-vlseg next my-project --order random --n 10 --json",
        "napari-vlseg next my-project --model mine.safetensors --regions",
    ),
)(next_images)
app.command(
    epilog=_examples(
        "napari-vlseg history my-project",
        "napari-vlseg history my-project --image 0003-nuclei",
        "napari-vlseg history my-project --object 3f2a9c",
        "napari-vlseg history my-project --object 3f2a9c --json",
    )
)(history)
app.command(
    epilog=_examples(
        "napari-vlseg verify my-project",
        "napari-vlseg verify my-project --json",
    )
)(verify)
app.command(
    epilog=_examples(
        "napari-vlseg compare annas-project bens-project",
        "napari-vlseg compare annas-project bens-project --out to-discuss",
        "napari-vlseg compare annas-project bens-project carls-project --json",
    )
)(compare)
app.command(
    epilog=_examples(
        "napari-vlseg join annas-project bens-project --out joined",
        "napari-vlseg join anna ben carl --policy majority --out joined",
    )
)(join)
app.command(
    epilog=_examples(
        "napari-vlseg anonymize my-project",
    )
)(anonymize)
app.command(
    epilog=_examples(
        "napari-vlseg finetune my-project --out mine.safetensors",
        "napari-vlseg segment *.tif -t nuclei --model mine.safetensors --out labels",
    )
)(finetune)
app.command(
    epilog=_examples(
        "napari-vlseg calibrate my-project",
        "napari-vlseg calibrate my-project --bound missed --at 0.05",
        "napari-vlseg calibrate my-project --model mine.safetensors --apply",
    )
)(calibrate)
app.command(
    epilog=_examples(
        "napari-vlseg simulate --painted 0 --out simulated",
        "napari-vlseg simulate --nuclei dsb2018 --kind brightfield --budgets 5,20 --out simulated",
    )
)(simulate)
app.command(
    epilog=_examples(
        "napari-vlseg export my-project --format coco --out training-set",
        "napari-vlseg export my-project --format tiff --out training-set --overwrite",
    )
)(commands.export)
app.command(
    epilog=_examples(
        "napari-vlseg evaluate --pred labels --truth true-labels",
        "napari-vlseg evaluate --pred labels --truth true-labels --json",
    )
)(commands.evaluate)
app.command(
    epilog=_examples(
        "napari-vlseg models",
        "napari-vlseg models vlseg-mini",
        "napari-vlseg models --json",
    )
)(models)
