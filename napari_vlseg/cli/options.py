"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON document on stdout."),
]
Debug = Annotated[
    bool,
    typer.Option("--debug", help="Show the traceback of an unexpected error."),
]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", metavar="DIR", help="Folder to write to; made if missing."),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help=r"Folder of encoded images. \[default: the user's; see `napari-vlseg cache`]",
    ),
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Neither use nor keep encoded images."),
]
_CLUSTER = "Cluster"
SchedulerFile = Annotated[
    Path | None,
    typer.Option(
        "--scheduler-file",
        metavar="FILE",
        help="Work on the cluster whose scheduler wrote this file.",
        rich_help_panel=_CLUSTER,
    ),
]
TlsCa = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca",
        metavar="FILE",
        help="Certificate authority of an encrypted cluster, as PEM.",
        rich_help_panel=_CLUSTER,
    ),
]
TlsCert = Annotated[
    Path | None,
    typer.Option(
        "--tls-cert",
        metavar="FILE",
        help="Certificate of this machine, as PEM.",
        rich_help_panel=_CLUSTER,
    ),
]
TlsKey = Annotated[
    Path | None,
    typer.Option("--tls-key", metavar="FILE", help="Its key, as PEM.", rich_help_panel=_CLUSTER),
]
