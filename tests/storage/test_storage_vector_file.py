"""Vectors of texts, kept in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ftgate.errors import StorageError
from pytest_ftgate.storage.vector_file import VectorFile, make_key


def test_what_is_kept_is_found_again_by_its_key(tmp_path: Path) -> None:
    file = VectorFile(tmp_path / "deep" / "v.jsonl")
    assert file.read(["a"]) == {}
    file.add({"a": [1.0, 0.5], "b": [0.25, 2.0]})
    file.add({"c": [3.0, 4.0]})
    found = VectorFile(file.path).read(["a", "c", "d"])
    assert {key: list(vector) for key, vector in found.items()} == {"a": [1.0, 0.5], "c": [3.0, 4.0]}


def test_a_key_is_of_the_text_and_of_what_made_the_vector() -> None:
    asked = [
        ("m", {}, "x"),
        ("n", {}, "x"),
        ("m", {"dimensions": 8}, "x"),
        ("m", {}, "y"),
        ("m", {}, "\ud800"),
    ]
    keys = [make_key(*each) for each in asked]
    assert len(set(keys)) == len(keys)
    assert make_key("m", {}, "x") == keys[0]


@pytest.mark.parametrize(
    "broken",
    [
        b'{"key": "b", "vec',
        b"\xff\x00",
        b"[]",
        b'{"key": "b", "vector": "!"}',
        b"[" * 5000,
        b"null",
        b'{"key": ["b"], "vector": ""}',
    ],
)
def test_broken_lines_cost_nothing_but_themselves(tmp_path: Path, broken: bytes) -> None:
    file = VectorFile(tmp_path / "v.jsonl")
    file.add({"a": [1.0]})
    with file.path.open("ab") as handle:
        handle.write(broken)
    file.add({"c": [2.0]})
    assert set(file.read(["a", "b", "c"])) == {"a", "c"}


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot (write|read)"):
        VectorFile(tmp_path / "file" / "v.jsonl").add({"a": [1.0]})
    with pytest.raises(StorageError, match="cannot read"):
        VectorFile(tmp_path).read(["a"])
