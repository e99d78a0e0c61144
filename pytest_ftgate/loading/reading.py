"""What all readers of one evalset share."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_ftgate.loading.files import EvalsetFiles
from pytest_ftgate.loading.json_text import JsonTextError, parse_json
from pytest_ftgate.loading.places import Document, Place
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.yaml_marks import parse_yaml
from pytest_ftgate.model.evalset import Json, Location
from pytest_ftgate.registry import Registries


@dataclass(frozen=True, slots=True)
class Reading:
    """Problems found, files read, parts known and ids seen, while one evalset is loaded."""

    problems: Problems
    files: EvalsetFiles
    registries: Registries
    ids: dict[str, Place | Location] = field(default_factory=dict)

    def read_document(self, named: Json, place: Place) -> Document | None:
        """A .json, .yaml or .yml file named at `place`, parsed; None after a problem."""
        found = self.files.read(named, place)
        if found is None:
            return None
        name, text = found
        if name.lower().endswith((".yaml", ".yml")):
            return parse_yaml(text, name, self.problems)
        if not name.lower().endswith(".json"):
            self.problems.add(place, f"{name!r} must be a .json or .yaml file")
            return None
        try:
            return Document(file=name, value=parse_json(text), line=None)
        except JsonTextError as error:
            self.problems.add(Location(file=name, line=error.line), str(error))
            return None
