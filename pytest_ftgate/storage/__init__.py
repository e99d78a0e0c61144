"""Records and runs on disk; redaction of keys."""
