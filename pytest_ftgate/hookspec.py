"""Hooks that a plugin or a conftest.py may implement.

All names start with `pytest_`, because pytest's plugin manager sees no others. Values that are
handed over are frozen. Built-in parts are registered through the same hooks, with `trylast`.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # this module is read in every pytest session, these are needed with --ftgate only
    from pytest_ftgate.model.evalset import Case
    from pytest_ftgate.model.protocols import Arm, Gate, Grader, Provider, Reporter
    from pytest_ftgate.model.record import Record
    from pytest_ftgate.model.summary import Summary
    from pytest_ftgate.model.verdict import Judgement, Verdict
    from pytest_ftgate.registry import Registry


@pytest.hookspec()
def pytest_ftgate_register_graders(
    config: pytest.Config, registry: Registry[Grader], functions: Registry[Any]
) -> None:
    """Register graders, and python functions for `python: NAME`.

    Once per process with --ftgate, before collection; in every xdist worker and in the controller.

    Example::

        def pytest_ftgate_register_graders(registry, functions):
            registry.register("haiku", HaikuGrader())
            functions.register("is_polite", lambda output, case: "please" in output)
    """


@pytest.hookspec()
def pytest_ftgate_register_providers(
    config: pytest.Config, registry: Registry[Provider], functions: Registry[Any]
) -> None:
    """Register providers, and applications for `target: NAME`.

    A provider named `mycorp` answers model ids `mycorp/…`. An application is a function, sync or async, from
    a `pytest_ftgate.model.target.TargetCall` to a text, a JSON value or a
    `pytest_ftgate.model.response.Response`. What it raises fails the case.

    A request whose `operation` is "embedding" wants the vector of the text in its only message:
    `Response(text=pytest_ftgate.model.vectors.encode_vector(numbers))`. One that knows no embeddings
    raises ProviderError("infra:config", "…", retryable=False, fatal=True).

    Once per process with --ftgate, before collection; in every xdist worker and in the controller.

    Example::

        def pytest_ftgate_register_providers(registry):
            registry.register("mycorp", MyCorpProvider())

        def pytest_ftgate_register_providers(functions):
            functions.register("my_app", lambda call: my_app.answer(call.input))
    """


@pytest.hookspec()
def pytest_ftgate_register_arms(config: pytest.Config, registry: Registry[Arm]) -> None:
    """Register kinds of arms, usable in YAML as `arms: {KIND: {…}}` or `arms: {x: {kind: KIND}}`.

    Once per process with --ftgate, before collection; in every xdist worker and in the controller.

    Example::

        def pytest_ftgate_register_arms(registry):
            registry.register("polite", PoliteArm())
    """


@pytest.hookspec()
def pytest_ftgate_register_gates(config: pytest.Config, registry: Registry[Gate]) -> None:
    """Register gates, usable in YAML as `gates: {NAME: {…}}`.

    Once per process with --ftgate, before collection; in every xdist worker and in the controller.

    Example::

        def pytest_ftgate_register_gates(registry):
            registry.register("median_words", MedianWordsGate())
    """


@pytest.hookspec()
def pytest_ftgate_register_reporters(config: pytest.Config, registry: Registry[Reporter]) -> None:
    """Register reporters, usable as `--ftgate-report KIND=PATH`.

    Once per process with --ftgate, before collection.

    Example::

        def pytest_ftgate_register_reporters(registry):
            registry.register("csv", CsvReporter())
    """


@pytest.hookspec(firstresult=True)
def pytest_ftgate_case_status(config: pytest.Config, case: Case, records: Sequence[Record]) -> str | None:
    """Overrule an item's status: 'passed', 'missed', 'unanswered', 'failed' or 'error'; None = no opinion.

    After all repeats of an item are judged, in the process that ran it. Changes what pytest shows
    and whether the case alone fails the build; never a record, a rate or the verdict.

    Example::

        def pytest_ftgate_case_status(case, records):
            if "flaky" in case.tags and any(r.outcome == "passed" for r in records):
                return "passed"
    """


@pytest.hookspec(firstresult=True)
def pytest_ftgate_failure_signature(config: pytest.Config, record: Record) -> str | None:
    """Give a failed record another signature of the closed kinds of failure; None = keep it.

    Once per failed record, in the process that ran it, before the record is stored.

    Example::

        def pytest_ftgate_failure_signature(record):
            if record.output and "As an AI" in record.output:
                return "refusal:text"
    """


@pytest.hookspec(firstresult=True)
def pytest_ftgate_decide(
    config: pytest.Config, summary: Summary, baseline: Summary | None
) -> Judgement | None:
    """Decide in place of the built-in rules; None = let them decide.

    `baseline` is the run that --ftgate-compare names, as far as its counts tell it; None where there is none.

    Once per evalset after its last record, on the controller (or the only process).

    Example::

        def pytest_ftgate_decide(summary, baseline):
            if summary.path.startswith("experiments/"):
                return Judgement(verdict=Verdict(decision="not_asked", reason="an experiment"), gates=())
    """


@pytest.hookspec()
def pytest_ftgate_record_finished(config: pytest.Config, record: Record) -> None:
    """See every record, in the order of arrival; on the controller (or the only process).

    Example::

        def pytest_ftgate_record_finished(record):
            print(record.key, record.outcome)
    """


@pytest.hookspec()
def pytest_ftgate_verdict_reached(config: pytest.Config, verdict: Verdict, summary: Summary) -> None:
    """See every verdict, once per evalset, on the controller (or the only process).

    Example::

        def pytest_ftgate_verdict_reached(verdict, summary):
            post_to_chat(summary.evalset, verdict.reason)
    """


@pytest.hookspec()
def pytest_ftgate_update_header(config: pytest.Config, header: MutableMapping[str, Any]) -> None:
    """Add to the report's header (JSON values only), once, before the report is written.

    Example::

        def pytest_ftgate_update_header(header):
            header["build"] = os.environ.get("BUILD_ID")
    """
