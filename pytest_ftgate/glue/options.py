"""One table of options: it makes the command line, the ini keys and the Settings.

It is read in every pytest session, so what only a session with --ftgate needs is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import pytest

from pytest_ftgate.errors import suggest

if TYPE_CHECKING:
    from pytest_ftgate.model.settings import Settings, Shard

Parse = Callable[[str], Any]


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("a whole number of at least 1")
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError("a number above 0")
    return value


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise ValueError("names separated by commas")
    return names


def _evidence(text: str) -> str:
    from pytest_ftgate.model.settings import Evidence

    if text not in get_args(Evidence):
        raise ValueError(f"one of {', '.join(get_args(Evidence))}")
    return text


def _model(text: str) -> tuple[str, str]:
    role, equals, model = text.partition("=")
    if not equals:
        role, model = "candidate", text
    if role not in ROLES:
        raise ValueError(f"[ROLE=]MODEL with a role of {', '.join(ROLES)};{suggest(role, ROLES)}")
    if not model.strip():
        raise ValueError("[ROLE=]MODEL, for example candidate=openai/gpt-4o-mini")
    return role, model.strip()


def _shard(text: str) -> Shard:
    from pytest_ftgate.model.settings import Shard

    return Shard.parse(text)


def _report(text: str) -> tuple[str, str]:
    kind, equals, path = text.partition("=")
    if not (equals and kind and path):
        raise ValueError("KIND=PATH, for example json=report.json")
    return kind, path


def _baseline_name(text: str) -> str:
    from pytest_ftgate.storage.baseline_places import WANTED_NAME, is_name, is_path

    if not is_name(text) and not is_path(text):
        raise ValueError(WANTED_NAME)
    return text


ROLES = ("candidate", "base", "teacher", "judge", "embedder")


class Option(NamedTuple):
    """One setting. `flag` False = ini only (safety: never from a command in a pull request).

    `stated`: an evalset may state it too, so its ini value is kept apart and comes last.
    """

    name: str
    help: str
    parse: Parse = str
    metavar: str | None = None
    shape: Literal["one", "many", "switch"] = "one"
    flag: bool = True
    stated: bool = False

    @property
    def ini(self) -> str:
        return "ftgate_" + self.name.replace("-", "_")


OPTIONS = (
    Option(name="arms", metavar="A,B", parse=_names,
           help="run only these arms (as_is always runs); the others count as not run"),
    Option(name="repeats", metavar="K", parse=_positive_int, stated=True,
           help="independent responses a case and arm (default 5, or the evalset's)"),
    Option(name="use-model", metavar="[ROLE=]MODEL", parse=_model, shape="many", stated=True,
           help="litellm model id in place of the evalset's, for the candidate or another role"),
    Option(name="concurrency", metavar="N", parse=_positive_int,
           help="requests in flight at once (default 50; divided among xdist workers)"),
    Option(name="rpm", metavar="N", parse=_positive_int,
           help="requests a minute and vendor account (divided among xdist workers)"),
    Option(name="tpm", metavar="N", parse=_positive_int,
           help="tokens a minute and vendor account (divided among xdist workers)"),
    Option(name="max-cost", metavar="USD", parse=_positive_float,
           help="hard cap on what the run pays (divided among xdist workers); reaching it fails the build"),
    Option(name="max-tokens", metavar="N", parse=_positive_int,
           help="hard cap on the run's tokens (divided among xdist workers); reaching it fails the build"),
    Option(name="timeout", metavar="S", parse=_positive_float,
           help="seconds allowed for one attempt of a request (default 60)"),
    Option(name="attempts", metavar="N", parse=_positive_int,
           help="attempts of a request before its trial stays unanswered (default 5)"),
    Option(name="replay", metavar="FILE", shape="many",
           help="judge recorded responses: no model, no key, no network"),
    Option(name="record", metavar="FILE",
           help="write every response to FILE, for --ftgate-replay"),
    Option(name="refresh", shape="switch",
           help="ask again even where the response store has the answer"),
    Option(name="report", metavar="KIND=PATH", parse=_report, shape="many",
           help="write a report: json, markdown, records or a registered kind"),
    Option(name="history", metavar="FILE",
           help="file of pytest-ftgate history (default history.sqlite in the folder of runs), or off"),
    Option(name="evidence", metavar="RULE", parse=_evidence, stated=True,
           help="what decides a rate gate: estimate, prove-pass or prove-fail"),
    Option(name="strict", shape="switch",
           help="gates need proof; fine_tune_justified, partial selections and unhashed recordings fail"),
    Option(name="plan", shape="switch",
           help="say what the run would take and could decide (calls, tokens, price, time); ask nothing"),
    Option(name="exhaustive", shape="switch",
           help="ask every case and repeat of every arm, also where fewer would settle the question"),
    Option(name="shard", metavar="I/N", parse=_shard,
           help="run part I of N of every evalset's cases; pytest-ftgate merge joins the parts and decides"),
    Option(name="save", metavar="NAME", parse=_baseline_name,
           help="save the run as a baseline: a name, or the path of a folder"),
    Option(name="compare", metavar="NAME|PATH",
           help="compare with a baseline: its name or path, a run's id or folder, or latest"),
    Option(name="require-baseline", shape="switch",
           help="fail where the baseline of --ftgate-compare is not there"),
    Option(name="changed-since", metavar="REF",
           help="run only evalsets whose prompt, cases, schemas or settings differ from git revision REF"),
    Option(name="dir", metavar="DIR", help="folder of runs and responses (default .ftgate)"),
    Option(name="api-hosts", shape="many", flag=False,
           help="further hosts that an evalset's api_base may send a vendor's key to"),
    Option(name="allow-outside-files", shape="switch", flag=False,
           help="let evalsets read files outside the rootdir"),
    Option(name="code-unsafe", shape="switch", flag=False,
           help="let grader `code` run answers' code unconfined where no sandbox works"),
)  # fmt: skip


def add_options(parser: pytest.Parser) -> None:
    """Declare every option, on the command line and as an ini key."""
    group = parser.getgroup("ftgate", "fine-tune gate: should we fine-tune, or is a better prompt enough?")
    group.addoption(
        "--ftgate", action="store_true", dest="ftgate", help="collect and run *.evalset.yaml files"
    )
    parser.addini("ftgate", "run evalsets as if --ftgate were given", type="bool", default=False)
    for option in OPTIONS:
        kind: Literal["bool", "linelist", "string"] = (
            "bool" if option.shape == "switch" else "linelist" if option.shape == "many" else "string"
        )
        parser.addini(option.ini, option.help, type=kind, default=None)
        if not option.flag:
            continue
        arguments: dict[str, Any] = {"dest": option.ini, "help": option.help, "default": None}
        if option.shape == "switch":
            arguments["action"] = "store_true"
        else:
            arguments["action"] = "append" if option.shape == "many" else "store"
            arguments["metavar"] = option.metavar
        group.addoption(f"--ftgate-{option.name}", **arguments)


def is_enabled(config: pytest.Config) -> bool:
    """Whether this session runs evalsets."""
    return bool(config.getoption("ftgate", False) or config.getini("ftgate"))


def is_planning(config: pytest.Config) -> bool:
    """Whether this session only says what a run would take."""
    return bool(config.getoption("ftgate_plan", False) or config.getini("ftgate_plan"))


def read_settings(config: pytest.Config) -> Settings:
    """The settings of this session: command line, else ini, else the built-in default.

    Raises pytest.UsageError naming the option, the value and what is allowed.
    """
    from pytest_ftgate.model.settings import Settings

    values = dict(_read(config, option) for option in OPTIONS)
    rootdir = config.rootpath
    given: Mapping[str, Any] = {name: value for name, value in values.items() if value not in (None, ())}
    fields: dict[str, Any] = {
        "ini_models": dict(given.get("ini_use_model", ())),
        "rootdir": str(rootdir),
        "directory": str((rootdir / given.get("dir", ".ftgate")).absolute()),
        "models": dict(given.get("use_model", ())),
        "replay": tuple(_existing(config, path) for path in given.get("replay", ())),
        "record": str(config.invocation_params.dir / given["record"]) if "record" in given else None,
    }
    renamed = {
        "timeout": "timeout_s",
        "attempts": "max_attempts",
        "max_cost": "max_cost_usd",
        "max_tokens": "max_total_tokens",
    }
    for name, value in given.items():
        if name not in ("dir", "use_model", "ini_use_model", "replay", "record", "report", "history"):
            fields[renamed.get(name, name)] = value
    fields["reports"] = tuple(
        (kind, str(config.invocation_params.dir / path)) for kind, path in given.get("report", ())
    )
    if "history" in given:
        fields["history"] = _history(config, given["history"])
    if fields.get("require_baseline") and not fields.get("compare"):
        raise pytest.UsageError("--ftgate-require-baseline names no baseline: add --ftgate-compare NAME")
    if fields["replay"] and fields["record"]:
        raise pytest.UsageError("--ftgate-record with --ftgate-replay: recorded answers need no recording")
    return Settings(**fields)


def _read(config: pytest.Config, option: Option) -> tuple[str, Any]:
    """The setting's name (`ini_…` where an evalset may state it and the ini said so) and its value."""
    name = option.ini.removeprefix("ftgate_")
    raw = config.getoption(option.ini, None) if option.flag else None
    source = f"--ftgate-{option.name}"
    if raw == "" or (isinstance(raw, list) and "" in raw):
        # A shell's unset variable: a limit that is not kept would be worse than no run.
        raise pytest.UsageError(f"{source}: its value is empty; wanted: {option.metavar}, or no {source}")
    if raw in (None, [], False):
        raw, source = config.getini(option.ini), f"ini key {option.ini}"
        name = f"ini_{name}" if option.stated else name
    if option.shape == "switch":
        return name, bool(raw) or None
    if raw in (None, "", []):
        return name, None
    return name, _parse(option, raw if isinstance(raw, list) else [raw], source)


def _parse(option: Option, values: Sequence[str], source: str) -> Any:
    parsed = []
    for value in values:
        try:
            parsed.append(option.parse(value))
        except ValueError as error:
            raise pytest.UsageError(f"{source}: {value!r} is not usable; wanted: {error}") from None
    return tuple(parsed) if option.shape == "many" else parsed[0]


def _history(config: pytest.Config, path: str) -> str:
    """A file below the rootdir, like the folder of runs; `off` is no file."""
    if path == "off":
        return path
    full = (config.rootpath / path).absolute()
    if full.is_dir():
        raise pytest.UsageError(f"--ftgate-history: {path!r} is a folder; wanted: a file, or off")
    return str(full)


def _existing(config: pytest.Config, path: str) -> str:
    full = Path(config.invocation_params.dir / path)
    if not full.is_file():
        raise pytest.UsageError(f"--ftgate-replay: {path!r} is not a file; record one with --ftgate-record")
    return str(full)
