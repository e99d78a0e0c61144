"""Which language a text is in."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from pytest_ftgate.grading.grades import GraderError

_CODES = """
    af ar bg bn ca cs cy da de el en es et fa fi fr gu he hi hr hu id it ja kn ko lt lv mk ml mr ne nl no pa
    pl pt ro ru sk sl so sq sv sw ta te th tl tr uk ur vi zh-cn zh-tw
"""
LANGUAGES = frozenset(_CODES.split())
"""The codes that langdetect knows (ISO 639-1; Chinese by script)."""

MISSING_LANGDETECT = (
    "telling the language of an answer needs langdetect: pip install pytest-ftgate[instructions]"
)
_READ_CHARS = 20_000
"""langdetect itself reads 10,000 characters; twice as many leave room for addresses, which it cuts out."""


def detect_language(text: str) -> str | None:
    """The code of the likeliest language, or None where the text has no letters to tell by.

    The draws of langdetect (Nakatani 2010) are seeded: the same text always gives the same code.
    Raises GraderError where langdetect is not installed.
    """
    factory, no_letters = load_profiles()
    detector = factory.create()
    detector.append(text[:_READ_CHARS])
    try:
        code: str = detector.detect()
    except no_letters:
        return None
    return code


@lru_cache(maxsize=1)
def load_profiles() -> tuple[Any, type[Exception]]:
    """langdetect's detectors, and what they raise for a text to tell nothing by.

    A factory of our own: the seed of its global one belongs to the user's code.
    """
    try:
        from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
        from langdetect.lang_detect_exception import LangDetectException
    except ImportError:
        raise GraderError(MISSING_LANGDETECT) from None
    factory = DetectorFactory()
    # In the order of names, not in that of the disk: sums must not differ between machines.
    paths = sorted(path for path in Path(PROFILES_DIRECTORY).iterdir() if not path.name.startswith("."))
    factory.load_json_profile([path.read_text(encoding="utf-8") for path in paths])
    factory.seed = 0
    return factory, LangDetectException
