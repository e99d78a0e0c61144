"""What arms cost and the plan for tuning or distilling, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.numbers import format_count, format_money, format_range, format_seconds
from pytest_ftgate.reports.price_tables import format_weeks

_SIZES = ((" billion", 1e9), (" million", 1e6))
_UNITS = {
    "p50_s": ("median latency", " s"),
    "p95_s": ("95th percentile of latency", " s"),
    "usd_per_1k_cases": ("cost of 1,000 calls", " USD"),
    "usd_per_month": ("spend a month", " USD"),
}


def describe_economics(economics: Mapping[str, Any]) -> list[str]:
    """Targets that are missed, the set-up of retrieval, the switch from a teacher, and what is not known."""
    forecast = economics["volume"] == "forecast"
    sentences = [_describe_target(target, is_forecast=forecast) for target in economics["targets"]]
    for figure in economics["figures"]:
        if figure["name"] == "rag.setup_usd":
            origin = "stated" if figure["origin"] == "stated" else "a published page's figure"
            sentences.append(f"Setting up retrieval: {format_range(figure['value'], money=True)} ({origin}).")
    if economics["switch"]:
        sentences.append(_describe_switch(economics["switch"]))
    sentences += [f"Not known: {what}." for what in economics["unknown"]]
    return [sentence for sentence in sentences if sentence]


def describe_plan(plan: Mapping[str, Any], *, is_brief: bool = False) -> list[str]:
    """The plan's sentences: method and price, break-even, latency, examples, losses, what is not known.

    A brief plan leaves out what is taken for granted.
    """
    return [sentence for sentence in _list_sentences(plan, is_brief=is_brief) if sentence]


def _list_sentences(plan: Mapping[str, Any], *, is_brief: bool) -> Iterator[str]:
    chosen = next(method for method in plan["methods"] if method["is_chosen"])
    yield _describe_method(plan, chosen)
    yield _describe_break_even(plan)
    yield _describe_volumes(plan)
    yield _describe_rent(plan)
    yield _describe_latency(plan["latency"])
    yield _describe_examples(plan["examples"])
    yield "The tuned model may lose:"
    yield from (f"- {_describe_loss(loss)}" for loss in plan["losses"])
    yield from (f"Not known: {what}." for what in plan["unknown"])
    if not is_brief:
        yield f"Taken for granted: {'; '.join(plan['assumptions'])}."
    yield f"{_name_stated(plan)} The other figures of the plan are {plan['source']}.".strip()


def _describe_method(plan: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    start = "Distill: " if plan["purpose"] == "distill" else "Plan: "
    size = f" on {plan['params_b']:g}B" if plan["params_b"] else ""
    parts = [f"{chosen['label']}{size}"]
    if chosen["vram_gb"]:
        gpus = format_count(chosen["gpus"], "GPU") if chosen["gpus"] else ""
        parts.append(f"{format_range(chosen['vram_gb'], unit=' GB')} VRAM{f' ({gpus})' if gpus else ''}")
    if chosen["training_usd"]:
        hours = f" in {format_range(chosen['hours'])} h" if chosen["hours"] else ""
        parts.append(f"{format_range(chosen['training_usd'], money=True)} to train{hours}")
    if chosen["setup_usd"]:
        parts.append(f"{format_range(chosen['setup_usd'], money=True)} to set up")
    return f"{start}{', '.join(parts)}."


def _describe_break_even(plan: Mapping[str, Any]) -> str:
    if plan["calls_per_month"] is None:
        return ""
    stated = next(volume for volume in plan["volumes"] if volume["is_stated"])
    volume = f"{plan['calls_per_month']:,.0f} calls a month"
    if plan["payback"] == "unknown":
        return f"Break-even at {volume}: not known."
    money = (
        f"{format_money(stated['usd_per_month'])} a month today ({plan['arm']}), "
        f"{format_range(stated['tuned_usd_per_month'], money=True)} tuned, serving included"
    )
    if plan["payback"] == "none":
        return f"No break-even shown at {volume}: {money}; nothing is shown to be saved."
    if plan["payback"] == "not_shown":
        soonest = format_range((plan["break_even_weeks"][0],) * 2)
        return (
            f"No break-even shown at {volume}: {money}; at best {soonest} weeks, at worst nothing is saved."
        )
    return f"Breaks even in {format_weeks(plan)} weeks at {volume}: {money}."


def _describe_volumes(plan: Mapping[str, Any]) -> str:
    year, least = plan["calls_to_pay_in_a_year"], plan["least_calls_per_month"]
    parts = []
    if least and (least[0] or least[1]):
        parts.append(f"Serving pays from {_format_calls(least)} a month on")
    if year:
        parts.append(
            f"{'a' if parts else 'A'} year pays all of it back from {_format_calls(year)} a month on"
        )
    return f"{'; '.join(parts)}." if parts else ""


def _describe_rent(plan: Mapping[str, Any]) -> str:
    """Not where the price of a server is stated."""
    if any(figure["name"] == "fine_tune.serving_usd_per_month" and figure["origin"] == "stated"
           for figure in plan["figures"]):  # fmt: skip
        return ""
    rent, least = plan["rented_gpu"]["usd_per_month"], plan["rented_gpu"]["least_calls_per_month"]
    calls = f", as much as {_format_calls(least)} of today" if least else ""
    return (
        "The price a token is that of a server kept busy by others too: one GPU rented round the clock for "
        f"this alone costs {format_range(rent, money=True)} a month{calls}."
    )


def _describe_latency(latency: Mapping[str, Any]) -> str:
    if latency["p95_s"] is None and latency["tuned_from"] is None:
        return ""
    text = f"Latency, median and 95th percentile: {_format_pair(latency, '')} today ({latency['arm']})"
    if latency["arm"] != "as_is" and latency["as_is_p95_s"] is not None:
        text += f", {_format_pair(latency, 'as_is_')} with as_is"
    if latency["tuned_from"] is None:
        return f"{text}; not known for a tuned small model."
    source = {"base": "measured on role base, untuned", "stated": "stated"}[latency["tuned_from"]]
    text += f"; {_format_pair(latency, 'tuned_')} for the tuned one ({source})"
    verdicts = [
        f"{name.removesuffix('_s')} {'within' if is_met else 'beyond'} its limit"
        for name, is_met in latency["meets"].items()
        if is_met is not None
    ]
    return f"{text}{': ' + ', '.join(verdicts) if verdicts else ''}."


def _format_pair(latency: Mapping[str, Any], prefix: str) -> str:
    return " and ".join(format_seconds(latency[f"{prefix}{name}"]) for name in ("p50_s", "p95_s"))


def _describe_examples(examples: Mapping[str, Any]) -> str:
    wanted = format_range(examples["wanted"])
    missing = f", {examples['missing']:,} short" if examples["missing"] else ""
    text = (
        f"Training examples: {examples['at_hand']:,} at hand, {wanted} wanted{missing}. The "
        f"{format_count(examples['judging_cases'], 'case')} that judge must stay out of training."
    )
    if examples["generation_usd"]:
        text += (
            " To have them answered by the prompt of today costs "
            f"{format_range(examples['generation_usd'], money=True)}."
        )
    return text


def _describe_loss(loss: Mapping[str, Any]) -> str:
    low, high = loss["keeps"] or (1, 1)
    keeps = f" (keeps {100 * low:.0f}-{100 * high:.0f} %)" if low < 1 else ""
    cases = f" ({format_range(loss['cases'])} cases a suite)" if loss["cases"] else ""
    return f"{loss['what']}{keeps} -> {loss['told_by']}{cases}"


def _describe_target(target: Mapping[str, Any], *, is_forecast: bool) -> str:
    name, unit = _UNITS[target["name"]]
    limit = f"{target['limit']:,g}{unit}"
    if target["value"] is None:
        return f"Limit of {limit} on the {name} of {target['arm']}: not known whether it is met."
    value = f"{target['value']:,.3g}{unit}"
    if not target["is_missed"]:
        return f"The {name} of {target['arm']} is within its limit: {value}, {limit} allowed."
    proof = "proven" if target["is_proven"] else "not proven"
    late = " The volume is a forecast: distilling waits for a proven one." if is_forecast else ""
    return f"The {name} of {target['arm']} misses its limit: {value}, {limit} allowed ({proof}).{late}"


def _describe_switch(switch: Mapping[str, Any]) -> str:
    saving = switch["saving_usd_per_call"]
    ends = "" if saving["low"] is None else f" ({1000 * saving['low']:.3g} .. {1000 * saving['high']:.3g})"
    saved = f"{1000 * saving['value']:.3g} USD saved on 1,000 calls{ends}"
    text = f"From teacher to candidate, both measured: {saved}"
    if switch["upfront_usd"] is None:
        return f"{text}; up-front cost not known: state economics.fine_tune.params_b."
    cost = format_range(switch["upfront_usd"], money=True)
    if switch["calls"] is None:
        return f"{text}: no break-even shown for {cost} up front."
    weeks = (
        f", {format_weeks({**switch, 'break_even_weeks': switch['weeks']})} weeks" if switch["weeks"] else ""
    )
    shown = "" if switch["calls"][1] is not None else " at best, no break-even shown at worst"
    return f"{text}; {cost} up front come back after {_format_calls(switch['calls'])}{weeks}{shown}."


def _format_calls(pair: Sequence[float | None]) -> str:
    """'13,200-131,000 calls', '6.4 million calls or more': no more exact than prices are."""
    unit, size = next((u for u in _SIZES if pair[0] and pair[0] >= u[1]), ("", 1))
    low, high = (None if end is None else float(f"{end / size:.3g}") for end in pair)
    return format_range((low, high), unit=f"{unit} calls")


def _name_stated(plan: Mapping[str, Any]) -> str:
    stated = [figure["name"] for figure in plan["figures"] if figure["origin"] == "stated"]
    return f"Stated here: {', '.join(stated)}." if stated else ""
