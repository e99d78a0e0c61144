"""What every command's exit status means: shown by its --help, and by docs/cli.md."""

from __future__ import annotations

from collections.abc import Mapping

DONE, FOUND, UNUSABLE, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141

MEANINGS: Mapping[int, str] = {
    DONE: "done, and nothing speaks against it",
    FOUND: "done, and something was found: see the command",
    UNUSABLE: "the command line, or a file that it names, is not usable: nothing was decided",
    INTERRUPTED: "interrupted (Ctrl-C)",
    UNREAD: "what reads the output went away, as `head` does",
}

PYTEST = "pytest's own exit status"
FINDINGS: Mapping[str, str] = {
    "check": "an evalset is not usable or has an error; with --strict also a warning",
    "explain": "",
    "judge": "a gate or a must_pass case fails, a grader crashed, or an evalset is incomplete",
    "calibrate": "too little was judged to say anything, or kappa is below --min-kappa",
    "merge": "a gate or a must_pass case fails, a grader crashed, or an evalset is incomplete",
    "store": "",
    "history": "with --fail-on-drift, where an alarm rings",
    "simulate": "a promise of the error rates is broken",
    "export": "no training row is left",
    "doctor": "a key, an endpoint, an answer or a writable folder is missing, or an evalset is not usable",
    "index": "",
    "compare": "a gate fails",
    "bless": "an evalset is not whole, and so was not saved",
    "init evalset": "what was written cannot be run as it stands",
    "init general": "what was written cannot be run as it stands",
    "github run": PYTEST,
    "github publish": "",
}
"""What status 1 means, command by command; '' where a command has none."""


def explain_statuses(command: str) -> str:
    """A sentence for the end of a command's help."""
    found = FINDINGS[command]
    if found == PYTEST:
        return f"Exit status: {PYTEST}."
    ones = f" 1: {found}." if found else ""
    return f"Exit status: 0: {MEANINGS[DONE]}.{ones} 2: {MEANINGS[UNUSABLE]}."
