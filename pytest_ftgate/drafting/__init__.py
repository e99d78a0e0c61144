"""Evalsets written for the user: from flags, from a file of examples, from a promptfoo configuration."""
