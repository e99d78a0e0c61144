"""Answers trials by calling a registered function: an application is tested in place of a raw model."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from pytest_ftgate.errors import FtgateError, ProviderError, UnknownNameError
from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.target import TargetCall
from pytest_ftgate.model.trial import Request, Trial, TrialKey

FindCase = Callable[[TrialKey], Case | None]

CRASHED = "call:exception"
"""The application raised: a user would have got no answer, so the case fails; it is no pattern of a model."""


class TargetProvider:
    """Answers model ids `target/NAME` by the function that is registered as NAME.

    The function is given a TargetCall and returns a text, a JSON value, or a Response; it may be async. A
    plain function runs in a thread of its own, several at a time. What it raises is a failure of the case,
    ProviderError and TimeoutError excepted. Its answers are never stored: the code may have changed.
    """

    keeps_answers = False

    def __init__(self, functions: Callable[[str], Any], find_case: FindCase | None = None) -> None:
        self._functions, self._find_case = functions, find_case

    def with_cases(self, find_case: FindCase) -> TargetProvider:
        """The same, with a way to look up the case of a trial."""
        return TargetProvider(self._functions, find_case)

    async def complete(self, trial: Trial, request: Request, timeout_s: float) -> Response:
        """What the application answers. Raises ProviderError."""
        name = request.model.partition("/")[2]
        try:
            function = self._functions(name)
        except UnknownNameError as error:
            raise _config_error(str(error)) from None
        if request.operation != "chat":
            raise _config_error(f"{request.model}: an application gives no embeddings; name a model")
        call = self._make_call(trial, request)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                found = await _run(function, call)
        except TimeoutError:
            raise ProviderError(
                "infra:timeout", f"{request.model}: no answer within {timeout_s:g} s", retryable=False
            ) from None
        except (ProviderError, FtgateError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever the application raises is its answer to this case
            what = f"{request.model} raised {type(error).__name__}: {error}"
            raise ProviderError(CRASHED, what, retryable=False) from None
        response = _read(found, request.model)
        taken = time.perf_counter() - started
        return response if response.latency_s is not None else replace(response, latency_s=taken)

    async def close(self) -> None:
        """Nothing to close."""

    def _make_call(self, trial: Trial, request: Request) -> TargetCall:
        case = self._find_case(trial.key) if self._find_case is not None else None
        last = request.messages[-1].get("content") if request.messages else ""
        return TargetCall(
            input=case.input if case else None,
            context=case.context if case else None,
            vars=case.vars if case else {},
            prompt=last if isinstance(last, str) else json.dumps(last),
            messages=request.messages,
            case=trial.key.case,
            arm=trial.key.arm,
            repeat=trial.key.repeat,
            params=request.params,
            tools=request.tools,
            response_format=request.response_format,
        )


async def _run(function: Callable[[TargetCall], Any], call: TargetCall) -> Any:
    """What the function returns, awaited where it is awaitable."""
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method, not whether there is one
    )
    found = function(call) if is_async else await _run_in_thread(function, call)
    return await found if inspect.isawaitable(found) else found


async def _run_in_thread(function: Callable[[TargetCall], Any], call: TargetCall) -> Any:
    """A daemon thread for each call: one that never returns holds up neither the run nor its end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)

    def work() -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = function(call)
        except StopIteration as raised:
            # A future takes none.
            error = RuntimeError(f"StopIteration: {raised}")
        except Exception as raised:  # noqa: BLE001 - handed to the loop, which says whose it is
            error = raised
        except BaseException as raised:  # noqa: BLE001 - SystemExit of an application ends only its answer
            error = RuntimeError(f"{type(raised).__name__}: {raised}")
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:  # the run is over, and nobody waits
            return

    context = copy_context()
    threading.Thread(target=context.run, args=(work,), name="ftgate-target", daemon=True).start()
    return await done


def _read(found: Any, model: str) -> Response:
    if isinstance(found, Response):
        return found if found.model is not None else replace(found, model=model)
    if found is None or isinstance(found, str):
        return Response(text=found, model=model)
    try:
        return Response(text=json.dumps(found, ensure_ascii=False, allow_nan=False), model=model)
    except (TypeError, ValueError):
        raise _config_error(
            f"{model} returned {type(found).__name__}; wanted: a text, a JSON value, or a "
            "pytest_ftgate.model.response.Response"
        ) from None


def _config_error(message: str) -> ProviderError:
    return ProviderError("infra:config", message, retryable=False, fatal=True)
