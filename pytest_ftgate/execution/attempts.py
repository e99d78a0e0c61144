"""One attempt after another of one request: let out by the gate, sent, and accounted for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.breaker import Breaker
from pytest_ftgate.execution.endpoints import endpoint_of, vendor_of
from pytest_ftgate.execution.gate import Gate, Pass
from pytest_ftgate.execution.price_map import find_price
from pytest_ftgate.execution.prices import Amount, Estimator, measure, price_response
from pytest_ftgate.execution.rate_headers import hear_headers
from pytest_ftgate.model.evalset import Price
from pytest_ftgate.model.protocols import Provider
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Request, Trial


@dataclass(slots=True)
class Traffic:
    """What went over the network. `peak` is the most requests that were under way at once."""

    requests_sent: int = 0
    under_way: int = 0
    peak: int = 0

    def begin(self) -> None:
        """One more request goes out."""
        self.requests_sent += 1
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)

    def end(self) -> None:
        """One request is over, whatever became of it."""
        self.under_way -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What all requests of a run share on their way out."""

    gate: Gate
    breaker: Breaker
    traffic: Traffic
    estimator: Estimator
    timeout_s: float


class Attempts:
    """The attempts of one request. `stated` is the price that the evalset states for its model.

    The gate lets out requests by the vendor account that pays for them: a vendor at an address.
    """

    def __init__(
        self, line: Line, provider: Provider, trial: Trial, request: Request, lane: str, stated: Price | None
    ) -> None:
        self.count = 0
        self._line, self._provider, self._trial, self._request = line, provider, trial, request
        self._lane, self._stated = lane, stated
        self._account = f"{vendor_of(request.model)}\n{endpoint_of(request)}"
        self._price = stated
        if stated is None and line.gate.budget.caps.max_cost_usd is not None:
            self._price = find_price(request.model)
        self._passed: Pass | None = None

    async def enter(self) -> None:
        """Wait for the limits. Raises ProviderError where the model was given up or a cap is reached."""
        line = self._line
        line.breaker.check(self._lane)
        amount = Amount()
        if line.gate.reads_amounts:
            amount = line.estimator.estimate(self._request, self._price)
        passed = await line.gate.enter(self._account, amount)
        try:
            # Others may have found out meanwhile.
            line.breaker.check(self._lane)
        except ProviderError:
            line.gate.leave(passed, took=Amount())
            raise
        self._passed = passed
        self.count += 1

    async def send(self) -> Response:
        """The response of one attempt that was let out. Raises ProviderError."""
        line = self._line
        line.traffic.begin()
        with hear_headers() as heard:
            try:
                response = await self._provider.complete(self._trial, self._request, line.timeout_s)
            except ProviderError as error:
                self._leave(Amount(), error=error, headers=heard.headers)
                raise
            except asyncio.CancelledError:
                # Out of time, or the end of the run.
                self._leave(Amount(), is_lost=True)
                raise
            except Exception:
                self._leave(Amount())
                raise
            finally:
                line.traffic.end()
        self._note(response, heard.headers)
        return response

    def _note(self, response: Response, headers: Mapping[str, str]) -> None:
        if response.usage is not None:
            self._line.estimator.note(self._request, response.usage)
        reserved = self._passed.reserved if self._passed is not None else Amount()
        took = measure(price_response(response, self._stated), self._price, estimated=reserved)
        self._leave(took, latency_s=response.latency_s, headers=headers)

    def _leave(
        self,
        took: Amount,
        *,
        is_lost: bool = False,
        latency_s: float | None = None,
        error: ProviderError | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        passed, self._passed = self._passed, None
        if passed is None:
            return
        is_late = is_lost or (error is not None and error.signature == "infra:timeout")
        self._line.gate.leave(
            passed, took=took, is_lost=is_late, latency_s=latency_s, error=error, headers=headers
        )
