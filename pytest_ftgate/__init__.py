"""Should we fine-tune, or is a better prompt enough? A pytest plugin that answers with evidence."""

__version__ = "0.1.0"
