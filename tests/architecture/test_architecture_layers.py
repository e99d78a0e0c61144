"""The shape of the code: a star of stages around the ground, joined by one composer, with pytest on top."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "pytest_ftgate"
STAGES = (
    "loading", "planning", "execution", "grading", "statistics", "patterns", "decision", "storage", "reports",
)  # fmt: skip
GROUND = ("pytest_ftgate.model", "pytest_ftgate.errors", "pytest_ftgate.registry")
COMPOSERS = (
    "pytest_ftgate.simulation",
    "pytest_ftgate.drafting",
    *(
        f"pytest_ftgate.{path.stem}"
        for path in PACKAGE.glob("*.py")
        if path.stem not in ("__init__", "errors", "registry", "hookspec", "plugin")
    ),
)
MODULES = sorted(
    ".".join(("pytest_ftgate", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)
LAZY = {"pytest_ftgate.planning.sandbox"}
"""Modules that subclass a heavy library's class, and are themselves imported inside functions only."""
HEAVY = (
    "litellm",
    "yaml",
    "jsonschema",
    "jinja2",
    "aiohttp",
    "scipy",
    "numpy",
    "bm25s",
    "json_repair",
    "regex",
)


def imports_of(module: str) -> set[str]:
    """Every module of ours that a module imports, at any depth of its code."""
    base = PACKAGE.parent / Path(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            source = node.module or ""
            found |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == "pytest_ftgate"}


def in_layer(name: str, layer: str) -> bool:
    return name == layer or name.startswith(layer + ".")


@pytest.mark.parametrize("module", MODULES)
def test_imports_stay_within_their_layer(module: str) -> None:
    imported = imports_of(module)
    stage = next((s for s in STAGES if in_layer(module, f"pytest_ftgate.{s}")), None)
    if in_layer(module, "pytest_ftgate.model"):
        allowed: tuple[str, ...] = ("pytest_ftgate.model",)
    elif stage is not None:
        allowed = (*GROUND, f"pytest_ftgate.{stage}")
    elif any(in_layer(module, composer) for composer in COMPOSERS):
        allowed = (*GROUND, *(f"pytest_ftgate.{s}" for s in STAGES), *COMPOSERS)
    else:
        return
    foreign = {n for n in imported if n != "pytest_ftgate" and not any(in_layer(n, a) for a in allowed)}
    foreign.discard("pytest_ftgate.__version__")
    assert not foreign, f"{module} may not import {sorted(foreign)}"


@pytest.mark.parametrize(
    "module",
    [
        m
        for m in MODULES
        if not m.startswith(
            ("pytest_ftgate.glue", "pytest_ftgate.plugin", "pytest_ftgate.hookspec", "pytest_ftgate.cli")
        )
    ],
)
def test_only_the_glue_knows_pytest(module: str) -> None:
    base = PACKAGE.parent / Path(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [n for n in names if n.split(".")[0] in ("pytest", "_pytest", "xdist")]


def test_litellm_is_imported_in_its_transports_only() -> None:
    users = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(a.name.split(".")[0] == "litellm" for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "litellm")
    ]
    known = ("lean_shapes", "litellm_provider", "litellm_replay")
    assert set(users) == {f"execution/{name}.py" for name in known}


def test_every_module_can_be_imported_alone_and_is_light() -> None:
    # One process per stage would cost minutes: each module is imported into an interpreter
    # from which all modules of ours were removed again.
    program = (
        "import importlib, sys\n"
        f"modules = {[m for m in MODULES if m not in LAZY]!r}\n"
        f"heavy = {HEAVY!r}\n"
        "for module in modules:\n"
        "    for name in [n for n in sys.modules if n.split('.')[0] == 'pytest_ftgate']:\n"
        "        del sys.modules[name]\n"
        "    importlib.import_module(module)\n"
        "    loaded = [h for h in heavy if h in sys.modules]\n"
        "    assert not loaded, f'{module} imports {loaded}'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_modules_and_functions_stay_small() -> None:
    too_long = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 300:
            too_long.append(f"{path.relative_to(PACKAGE)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                limit = 10 if path.name == "plugin.py" else 60
                if length > limit:
                    too_long.append(f"{path.relative_to(PACKAGE)}: {node.name} has {length} lines")
    assert not too_long
