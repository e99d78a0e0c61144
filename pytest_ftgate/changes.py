"""Which evalsets a change concerns: those whose files changed, or all where what they share did."""

from __future__ import annotations

import ast
import configparser
import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_ftgate.checkout import Checkout
from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.evalset import ArmSpec, Evalset
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.planning.documents import find_documents

CONFIG_FILES = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg",
)  # fmt: skip
MAX_MODULES = 2_000


def list_changes(evalset: Evalset, checkout: Checkout, settings: Settings) -> list[str]:
    """Files of an evalset that differ from the revision, relative to the rootdir.

    They are those that the loader read, and the documents that its arms search. Raises SettingsError.
    """
    rootdir = Path(settings.rootdir)
    changed = [name for name in evalset.files if checkout.is_changed(rootdir / name)]
    folder = (rootdir / evalset.path).parent
    for spec in evalset.arms:
        changed += _list_documents(spec, folder, checkout, settings)
    return list(dict.fromkeys(changed))


def _list_documents(spec: ArmSpec, folder: Path, checkout: Checkout, settings: Settings) -> Iterator[str]:
    rootdir = Path(settings.rootdir)
    docs = spec.options.get("docs") or ()
    patterns = [docs] if isinstance(docs, str) else list(docs)
    try:
        found = find_documents(patterns, folder, rootdir, allow_outside=settings.allow_outside_files)
    except FtgateError:
        found = []
    vectors = spec.options.get("vectors")
    if isinstance(vectors, str) and (folder / vectors).exists():
        found = [*found, folder / vectors]
    for path in found:
        if checkout.is_changed(path):
            yield Path(os.path.relpath(path, rootdir)).as_posix()
    for pattern in patterns:
        # A document that was deleted is found by its name alone.
        for name in checkout.list_matching(pattern, folder):
            yield Path(os.path.relpath(checkout.top / name, rootdir)).as_posix()


def find_shared_change(
    checkout: Checkout, settings: Settings, modules: Iterable[Path], config_file: Path | None
) -> str | None:
    """Why every evalset may be concerned: what they share has changed; None where it has not.

    `modules`: Python files that registered parts, and those of plugins below the rootdir; what they import
    there is looked at, too. `config_file`: pytest's.
    """
    rootdir = Path(settings.rootdir)
    for recording in settings.replay:
        # An empty one that git does not know stands for none at all.
        is_empty = Path(recording).stat().st_size == 0 and not checkout.is_listed(Path(recording))
        if not is_empty and checkout.is_changed(Path(recording)):
            return f"the recording {_show(Path(recording), rootdir)} changed"
    for name in sorted(checkout.changed):
        path = checkout.top / name
        if path.name == "conftest.py" and path.is_relative_to(os.path.realpath(rootdir)):
            return f"{_show(path, rootdir)} changed"
    places = [rootdir / name for name in CONFIG_FILES]
    for path in dict.fromkeys([*places, *([config_file] if config_file else [])]):
        if checkout.is_listed(path) and _is_config_changed(path, checkout):
            return f"pytest's configuration in {_show(path, rootdir)} changed"
    for path in follow_imports(modules, rootdir):
        if checkout.is_listed(path):
            return f"{_show(path, rootdir)} changed, which a plugin or target uses"
    return None


def _show(path: Path, rootdir: Path) -> str:
    return Path(os.path.relpath(path, os.path.realpath(rootdir))).as_posix()


# -- pytest's configuration -------------------------------------------------------------------------


def _is_config_changed(path: Path, checkout: Checkout) -> bool:
    """Whether what pytest reads of a file differs; a file that cannot be read counts as changed."""
    before = checkout.read(Path(os.path.relpath(os.path.realpath(path), checkout.top)).as_posix())
    try:
        now = path.read_bytes() if path.is_file() else None
        return bool(_read_section(path.name, before) != _read_section(path.name, now))
    except (OSError, ValueError, configparser.Error):
        return True


def _read_section(name: str, content: bytes | None) -> Any:
    """What pytest reads of a configuration file. Raises ValueError and configparser.Error."""
    if content is None:
        return None
    text = content.decode("utf-8")
    if name.endswith(".toml"):
        value = tomllib.loads(text)
        return value if name != "pyproject.toml" else value.get("tool", {}).get("pytest")
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    parser.read_string(text)
    section = "tool:pytest" if name == "setup.cfg" else "pytest"
    return dict(parser[section]) if parser.has_section(section) else None


# -- modules ----------------------------------------------------------------------------------------


def follow_imports(modules: Iterable[Path], rootdir: Path) -> Iterator[Path]:
    """The modules, and all that they import below the rootdir, at any depth; nothing that is installed."""
    home = Path(os.path.realpath(rootdir))
    waiting = [Path(os.path.realpath(path)) for path in modules]
    seen: set[Path] = set()
    while waiting and len(seen) < MAX_MODULES:
        path = waiting.pop()
        if path in seen or not path.is_relative_to(home) or "site-packages" in path.parts:
            continue
        seen.add(path)
        yield path
        waiting += _list_imports(path, home)


def _list_imports(path: Path, home: Path) -> Iterator[Path]:
    """Files below `home` that a module may import, also inside its functions."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    folders = [path.parent, home, *(Path(entry) for entry in sys.path if entry)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _find_module(alias.name, folders)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            where = folders
            if node.level:
                where = [path.parents[min(node.level, len(path.parents)) - 1]]
            for name in (base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)):
                yield from _find_module(name, where)


def _find_module(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The file of a module, and those of the packages that it is in."""
    parts = [part for part in name.split(".") if part]
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded:
        yield Path(os.path.realpath(loaded))
    for folder in folders:
        for depth in range(1, len(parts) + 1):
            package = folder.joinpath(*parts[:depth], "__init__.py")
            module = folder.joinpath(*parts[: depth - 1], f"{parts[depth - 1]}.py")
            yield from (Path(os.path.realpath(file)) for file in (package, module) if file.is_file())
