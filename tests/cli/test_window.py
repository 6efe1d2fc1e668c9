from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from napari_vlseg.cli import screen


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def refused(done):
    assert done.code == 1
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1
    assert "--debug" not in done.err


def test_without_a_screen_one_sentence(cli, linux):
    done = cli()
    refused(done)
    assert "no screen" in done.err


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_without_qt_the_remedy(cli, linux, monkeypatch, variable):
    monkeypatch.setenv(variable, ":0")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = cli()
    refused(done)
    assert "napari-vlseg[all]" in done.err


def test_a_display_that_does_not_answer_ends_no_process(cli, linux, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.setattr(screen, "has_qt", lambda: True)
    failed = subprocess.CompletedProcess([], -6)
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: failed)
    done = cli()
    refused(done)
    assert "system libraries" in done.err


def test_a_display_that_hangs_is_given_up(linux, monkeypatch):
    def hang(*args, **options):
        raise subprocess.TimeoutExpired("python", 60)

    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.setattr(screen, "has_qt", lambda: True)
    monkeypatch.setattr(subprocess, "run", hang)
    assert "can't open a window" in screen.why_no_window()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_desktops_have_a_screen(monkeypatch, linux, platform):
    monkeypatch.setattr(sys, "platform", platform)
    assert screen.has_display()
