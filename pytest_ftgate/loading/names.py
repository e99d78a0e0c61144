"""Names that become parts of node ids."""

from __future__ import annotations

import re

from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.wording import show
from pytest_ftgate.model.evalset import Json

NAME = re.compile(r"[\w.-]+\Z")
MAX_NAME = 200


def check_name(name: Json, what: str, place: Place, reading: Reading) -> bool:
    """Whether a name may stand in a node id; a problem where it may not."""
    if isinstance(name, str) and len(name) <= MAX_NAME and NAME.match(name):
        return True
    if isinstance(name, str) and len(name) > MAX_NAME:
        reading.problems.add(place, f"{what} has {len(name)} characters (at most {MAX_NAME})")
    else:
        reading.problems.add(place, f"{what} is made of letters, digits, `_`, `.` and `-`, got {show(name)}")
    return False
