"""What an installation brings: schemas in wheel and editable install, a free ride for plain pytest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ("baseline", "evalset", "record", "report")


def run(*command: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **env}
    )


def test_plain_pytest_loads_no_heavy_module(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "HEAVY = ('litellm', 'yaml', 'jsonschema', 'jinja2', 'aiohttp', 'scipy', 'bm25s', 'json_repair')\n"
        "def test_light(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.has_plugin('pytest_ftgate')\n"
        "    assert [name for name in HEAVY if name in sys.modules] == []\n"
        "    assert [n for n in sys.modules if n.startswith('pytest_ftgate.') and 'glue' not in n\n"
        "            and 'plugin' not in n and 'model' not in n and 'hookspec' not in n\n"
        "            and 'errors' not in n and 'registry' not in n] == []\n"
    )
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / ".ftgate").exists()


@pytest.mark.slow
def test_wheel_carries_schemas_and_editable_install_finds_them(tmp_path: Path) -> None:
    done = run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), str(ROOT), cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    for schema in SCHEMAS:
        assert f"pytest_ftgate/schemas/{schema}.schema.json" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {"README.md", "mathematics.yaml", "cases/mathematics.jsonl"} <= {
        name.removeprefix("pytest_ftgate/packs/general/") for name in names
    }
    program = (
        "import json, pytest_ftgate.loading.schema_files as s;"
        f"print(json.dumps([s.read_schema(n)['$id'] for n in {SCHEMAS!r}]))"
    )
    from_wheel = run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert from_wheel.returncode == 0, from_wheel.stderr
    from_checkout = run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert json.loads(from_wheel.stdout) == json.loads(from_checkout.stdout)


def test_lives_beside_the_other_ftgate(tmp_path: Path) -> None:
    """PyPI has an unrelated plugin `ftgate` with options of its own."""
    pytest.importorskip("ftgate")
    (tmp_path / "test_it.py").write_text(
        "def test_both(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.has_plugin('ftgate')\n"
        "    assert pytestconfig.pluginmanager.has_plugin('pytest_ftgate')\n"
    )
    done = run(sys.executable, "-m", "pytest", "-q", "--ftgate", "-p", "no:cacheprovider", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = run(sys.executable, "-m", "pytest", "--help", cwd=tmp_path).stdout
    assert "--ftgate-dataset" in shown
    assert "--ftgate-use-model" in shown
