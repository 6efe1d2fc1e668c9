"""The code of the README and of the documentation does what the text around it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.warm_commands import warm_commands

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"python", "bash"}
SKIP = "<!-- not run"
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One piece of code of a page; `line` is where it begins."""

    language: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The pieces of a page to run, in order."""
    text = page.read_text("utf-8")
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()].rstrip().rsplit("\n", 1)[-1]
        if match[1] in LANGUAGES and not before.startswith(SKIP):
            found.append(Block(match[1], match[2], text.count("\n", 0, match.start(2)) + 1))
    return found


def with_code() -> list[Path]:
    return [page for page in PAGES if blocks(page)]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", with_code(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs_in_order(page, commands, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("NAPARI_VLSEG_CACHE_GB")
    monkeypatch.setenv("NAPARI_VLSEG_CACHE", str(tmp_path / "user-cache"))
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "python":
            padding = "\n" * (block.line - 1)  # so that a traceback names the line of the page
            exec(compile(padding + block.code, str(page), "exec"), namespace)  # noqa: S102 - our own
        else:
            run_shell(block, page, commands)


@pytest.fixture(scope="session")
def commands(tmp_path_factory) -> Iterator[list[str]]:
    """Folders for the front of PATH: the commands of this environment, warm ones first."""
    installed = str(Path(sys.executable).parent)
    if sys.platform != "linux":  # elsewhere a fork of a process with libraries like torch breaks
        yield [installed]
        return
    with warm_commands(tmp_path_factory.mktemp("warm")) as warm:
        yield [str(warm), installed]


def run_shell(block: Block, page: Path, commands: list[str]) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash to run the page's commands")
    path = os.pathsep.join([*commands, os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{page}:{block.line}\n{done.stdout}\n{done.stderr}"


def test_every_language_of_a_page_is_known():
    """A fence such as ```py would silently not be run."""
    known = LANGUAGES | {"", "json", "yaml", "ini", "text"}
    for page in PAGES:
        languages = {match[1] for match in _FENCE.finditer(page.read_text("utf-8"))}
        assert languages <= known, page


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("heading", ["Install and run", "Run the tests"])
def test_the_readme_has_both_commands_in_one_line_each(heading):
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.split(f"## {heading}\n", 1)[1]
    command = _FENCE.search(section)
    assert command is not None
    assert len(command[2].strip().splitlines()) == 1
    if shutil.which("sh") and os.name == "posix":
        script = ROOT / ".ci" / "readme-command"
        printed = subprocess.run([script, heading], capture_output=True, text=True, check=True)
        assert printed.stdout == command[2]
