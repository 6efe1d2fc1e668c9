"""Any name becomes one that a file can have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.names import safe_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nuclei 07", "nuclei 07"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\\b:c*?\x00", "a_b_c___"),
        ("", "_"),
        ("..", "_"),
        ("CON", "_CON"),
        ("lpt1.tif", "_lpt1.tif"),
        ("a\udcff", "a_"),
        ("cell\u0065\u0301", "cell\u00e9"),
    ],
)
def test_names_are_made_safe(name: str, expected: str) -> None:
    assert safe_name(name) == expected


@given(st.text(st.characters(), max_size=200))
def test_any_name_can_be_a_file(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    safe = safe_name(name)
    folder = tmp_path_factory.mktemp("names")
    (folder / safe).write_text("x")
    assert [path.name for path in folder.iterdir()] == [safe]
    assert len(safe.encode()) <= 81
