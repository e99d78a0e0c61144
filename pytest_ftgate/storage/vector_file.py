"""Vectors of texts, kept: a file that only grows, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from pytest_ftgate.model.vectors import Vector, decode_vector, encode_vector
from pytest_ftgate.storage.files import describe_failure

MAX_LINE_CHARS = 1_000_000


def make_key(model: str, params: Mapping[str, object], text: str) -> str:
    """What a vector is kept under: a digest of the text and of the model that made it of it."""
    made_by = json.dumps([model, params], sort_keys=True, default=str)
    return sha256(f"{made_by}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


class VectorFile:
    """A file of vectors by key. Lines that are none (a killed run's last one) are passed over.

    Several processes may add to it at once: a line is written in one piece, and a key twice does no harm.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, keys: Collection[str]) -> dict[str, Vector]:
        """The vectors that are there of those keys. Raises StorageError for a file that cannot be read."""
        wanted, found = set(keys), dict[str, Vector]()
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                while line := file.readline(MAX_LINE_CHARS):
                    with suppress(ValueError, KeyError, TypeError, RecursionError):
                        entry = json.loads(line)
                        if entry["key"] in wanted:
                            found[entry["key"]] = decode_vector(entry["vector"])
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise describe_failure("read", self.path, error) from error
        return found

    def add(self, vectors: Mapping[str, Vector]) -> None:
        """Keep vectors. Raises StorageError where they cannot be written, ValueError for no such numbers."""
        lines = [json.dumps({"key": key, "vector": encode_vector(vector)}) for key, vector in vectors.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                # A line that an earlier run did not finish must not take the next one with it.
                file.write("".join(f"\n{line}\n" for line in lines).encode("ascii"))
        except OSError as error:
            raise describe_failure("write", self.path, error) from error
