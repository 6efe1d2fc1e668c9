from __future__ import annotations

import subprocess
import sys

import pytest

import napari_vlseg
from napari_vlseg.prompts import TEMPLATES

COMMANDS = [
    "demo",
    "segment",
    "encode",
    "cache",
    "project",
    "status",
    "next",
    "history",
    "verify",
    "compare",
    "join",
    "anonymize",
    "finetune",
    "calibrate",
    "export",
    "evaluate",
    "models",
]
HEAVY = ["torch", "transformers", "napari", "qtpy", "pandas", "scipy", "skimage", "numpy"]


@pytest.mark.parametrize("args", [[], *([command] for command in COMMANDS)])
def test_help_shows_examples(cli, args):
    done = cli(*args, "--help")
    assert done.code == 0
    assert "Examples" in done.out
    assert f"napari-vlseg {' '.join(args)}".strip() in done.out
    assert done.out == cli(*args, "-h").out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_json(cli, command):
    assert "--json" in cli(command, "--help").out


def test_help_names_the_template_sets(cli):
    help_text = cli("segment", "--help").out
    assert all(name in help_text for name in TEMPLATES)


def test_version(cli):
    assert cli("--version").out == f"napari-vlseg {napari_vlseg.__version__}\n"


def test_an_unknown_command_is_a_wrong_call(cli):
    done = cli("segmentate")
    assert done.code == 2
    assert "segmentate" in done.err


@pytest.mark.parametrize("args", [["--help"], ["segment", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(args):
    code = (
        "import sys, contextlib, io\n"
        "from napari_vlseg.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    main({args!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_module_is_the_command():
    args = [sys.executable, "-m", "napari_vlseg", "--version"]
    done = subprocess.run(args, capture_output=True, text=True, check=True)
    assert done.stdout == f"napari-vlseg {napari_vlseg.__version__}\n"
