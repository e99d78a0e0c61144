"""What concerns every evalset: pytest's own settings, and modules that plugins use."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_ftgate.changes import find_shared_change, follow_imports
from pytest_ftgate.checkout import Checkout, open_checkout
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.settings import Settings


class Repository:
    """A git checkout in a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", *identity, "-C", str(self.path), *arguments]
        subprocess.run(command, check=True, capture_output=True, env=environment)

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    def open(self) -> Checkout:
        return open_checkout(self.path, "main")

    def find(self, *modules: Path, config: Path | None = None, replay: tuple[str, ...] = ()) -> str | None:
        settings = Settings(rootdir=str(self.path), directory=str(self.path / ".ftgate"), replay=replay)
        return find_shared_change(self.open(), settings, modules, config)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    return Repository(tmp_path)


PYPROJECT = '[project]\nversion = "1"\n[tool.pytest.ini_options]\naddopts = "-q"\n'


@pytest.mark.parametrize(
    ("name", "before", "after", "is_shared"),
    [
        ("pyproject.toml", PYPROJECT, PYPROJECT.replace('"1"', '"2"'), False),
        ("pyproject.toml", PYPROJECT, PYPROJECT + "ftgate_repeats = 3\n", True),
        ("pyproject.toml", PYPROJECT, PYPROJECT + "broken", True),
        ("pyproject.toml", PYPROJECT, None, True),
        ("pyproject.toml", "[project]\n", None, False),
        ("pytest.ini", "[pytest]\n", "[pytest]\n# a remark\n", False),
        ("pytest.ini", None, "[pytest]\nftgate_use_model =\n    judge=m\n", True),
        ("tox.ini", "[tox]\n", "[tox]\nenvlist = py\n", False),
        ("setup.cfg", "[tool:pytest]\n", "[tool:pytest]\nftgate_strict = true\n", True),
        ("setup.cfg", "[a]\n", "no section\n", True),
        ("other.ini", "[pytest]\n", "[pytest]\nftgate_strict = true\n", False),
    ],
)
def test_only_what_pytest_reads_of_a_configuration_counts(
    repository: Repository, name: str, before: str | None, after: str | None, is_shared: bool
) -> None:
    if before is not None:
        repository.write(name, before)
    repository.commit()
    assert repository.find() is None
    if after is None:
        (repository.path / name).unlink()
    else:
        repository.write(name, after)
    found = repository.find()
    assert (found is not None) is is_shared
    assert found is None or name in found
    if name == "other.ini":
        # Named by `-c`, it is pytest's configuration.
        assert repository.find(config=repository.path / name) is not None


def test_imports_are_followed_at_any_depth_below_the_rootdir(repository: Repository) -> None:
    home = repository.path
    root = repository.write("conftest.py", "import pkg.a\nfrom pkg import b as other\nimport json\n")
    repository.write("pkg/__init__.py", "")
    repository.write("pkg/a.py", "from . import c\nfrom .deep.d import value\n")
    repository.write("pkg/b.py", "def late():\n    import lonely\n")
    repository.write("pkg/c.py", "from ..outside import x\nthis is no Python")
    repository.write("pkg/deep/__init__.py", "from ..b import late\n")
    repository.write("pkg/deep/d.py", "value = 1\n")
    repository.write("lonely.py", "import conftest\n")
    repository.write("unrelated.py", "")
    found = {path.relative_to(os.path.realpath(home)).as_posix() for path in follow_imports([root], home)}
    assert found == {
        "conftest.py", "pkg/__init__.py", "pkg/a.py", "pkg/b.py", "pkg/c.py", "pkg/deep/__init__.py",
        "pkg/deep/d.py", "lonely.py",
    }  # fmt: skip
    repository.commit()
    repository.write("unrelated.py", "x = 1\n")
    assert repository.find(root) is None
    repository.write("lonely.py", "x = 1\n")
    assert repository.find(root) == "lonely.py changed, which a plugin or target uses"


def test_recordings_and_links_and_odd_names_are_told_apart(repository: Repository, tmp_path: Path) -> None:
    answers = repository.write("answers ü \n.jsonl", "{}\n")
    target = repository.write("real/prompt.md", "a")
    link = repository.path / "link.md"
    link.symlink_to("real/prompt.md")
    repository.commit()
    assert repository.find(replay=(str(answers),)) is None
    assert not repository.open().is_changed(link)
    target.write_text("b")
    checkout = repository.open()
    assert checkout.is_changed(link)
    assert checkout.is_changed(target)
    answers.write_text("{ }\n")
    assert "the recording" in (repository.find(replay=(str(answers),)) or "")
    repository.write(".gitignore", "hidden\n")
    hidden = repository.write("hidden", "")
    assert repository.open().is_changed(hidden), "git knows nothing of it"
    assert not repository.open().is_listed(hidden)


def test_an_empty_recording_beside_the_checkout_stands_for_none(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    answers = repository.write("answers.jsonl", "{}\n")
    repository.commit()
    none = tmp_path_factory.mktemp("elsewhere") / "none.jsonl"
    none.write_text("")
    assert repository.find(replay=(str(none),)) is None
    none.write_text("{}\n")
    assert "the recording" in (repository.find(replay=(str(none),)) or "")
    answers.write_text("")
    assert "the recording" in (repository.find(replay=(str(answers),)) or "")


def test_a_folder_without_git_and_a_revision_that_is_not_there_are_named(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit()
    with pytest.raises(SettingsError, match=r"git knows no revision 'nowhere'.*fetch it first"):
        open_checkout(repository.path, "nowhere")
    with pytest.raises(SettingsError, match="is no git revision"):
        open_checkout(repository.path, "--upload-pack=x")
    assert len(open_checkout(repository.path, "HEAD").revision) == 40
