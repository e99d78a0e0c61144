"""Sizes beyond which an answer is not read in full. Model output is hostile: every cap is a typed failure."""

MAX_JSON_CHARS = 1_000_000
"""Longer texts are not parsed as JSON: `format:too_large`."""

MAX_JSON_COMMAS = 50_000
"""More commas than this mean more values than a grader can walk in time: `format:too_large`."""

MAX_JSON_DEPTH = 128
"""Deeper nesting is refused, so that recursive readers cannot exhaust the stack: `format:too_deep`."""

MAX_RELAXED_CHARS = 200_000
"""Longer texts that are not strict JSON are not searched for a document."""

MAX_REPAIR_CHARS = 3_000
"""json-repair needs quadratic time on some broken texts; its last resort is kept to this length."""

MAX_SHORT_ANSWER_CHARS = 20_000
"""How much of a text is searched for a label, a letter or a number (from the end where the end decides)."""

MAX_CALL_CHARS = 20_000
"""Longer texts are not read as Python call syntax."""

MAX_PATTERN_CHARS = 1_000
"""Longer regular expressions are refused. Before `regex` looks for a long fixed text that repeats itself, it
takes time with its third power (0.3 s for 1,000 characters, 14 s for 4,000), and no limit stops it.
"""

PATTERN_SECONDS = 0.5
"""Time for all regular expressions of one grade."""

MAX_OUTPUT_CHARS = 1_000_000
"""How much of an answer a record keeps."""
