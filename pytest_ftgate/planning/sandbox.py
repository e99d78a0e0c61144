"""The Jinja2 environment: no attribute escapes, no changed data, bounded loops and texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

_UNBOUNDED_METHODS = frozenset({"ljust", "rjust", "center", "zfill", "expandtabs", "format", "format_map"})
"""Methods of str that make a text of any length out of a number."""
_UNBOUNDED_FILTERS = ("center", "format", "indent", "xmlattr", "batch")
_MAX_BITS = 4096


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja2's immutable sandbox, which alone stops neither `'a' * 10**10` nor nested loops.

    `loop_steps` counts what `range()` has yielded since it was last set to 0.
    """

    intercepted_binops = frozenset({"*", "**", "+", "%"})
    loop_steps: int = 0
    max_loop_steps: int
    max_chars: int

    def getattr(self, obj: Any, attribute: str) -> Any:
        # `input.items` must be the key of the case's data, not a method of dict.
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str) and attr in _UNBOUNDED_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            raise SecurityError("'%' on a text is not allowed in a template; write {{ name }}")
        if operator == "**" and (_bits(left) * _magnitude(right)) > _MAX_BITS:
            raise SecurityError("the power is too large for a template")
        if operator == "*" and _product_size(left, right) > self.max_chars:
            raise SecurityError("the product is too large for a template")
        if operator == "+" and _size(left) + _size(right) > self.max_chars:
            raise SecurityError("the sum is too large for a template")
        return super().call_binop(context, operator, left, right)

    def bounded_range(self, *args: int) -> range:
        """`range()` under one budget for all loops of a rendering."""
        numbers = range(*args)
        self.loop_steps += len(numbers)
        if self.loop_steps > self.max_loop_steps:
            raise SecurityError(f"the loops of a template may count to {self.max_loop_steps:,} together")
        return numbers


def make_environment(max_loop_steps: int, max_chars: int) -> BoundedEnvironment:
    """An environment without loader, globals of Jinja2 that need none, and plain-text output."""
    environment = BoundedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        finalize=_print,
        cache_size=0,
    )
    environment.max_loop_steps, environment.max_chars = max_loop_steps, max_chars
    environment.globals.pop("lipsum", None)
    environment.globals["range"] = environment.bounded_range
    for name in _UNBOUNDED_FILTERS:
        environment.filters.pop(name, None)
    # Jinja2's own escapes <, > and & for HTML, which a prompt must not.
    environment.filters["tojson"] = _dump
    return environment


def _print(value: Any) -> Any:
    if isinstance(value, (str, Undefined)):
        return value
    if value is None or isinstance(value, (bool, int, float, list, tuple, Mapping)):
        return _dump(value)
    raise SecurityError(f"cannot print a {type(value).__name__}; a generator needs `| list`")


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise SecurityError(f"cannot print a {type(value).__name__}")


def _bits(number: Any) -> int:
    return number.bit_length() if isinstance(number, int) else 64


def _magnitude(number: Any) -> int:
    return abs(number) if isinstance(number, int) else 1


def _size(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, tuple)) else 0


def _product_size(left: Any, right: Any) -> int:
    if isinstance(left, int) and isinstance(right, int):
        return 0 if _bits(left) + _bits(right) <= _MAX_BITS else 1 << 62
    return _size(left) * _magnitude(right) + _size(right) * _magnitude(left)
