"""A Summary becomes gate results and a Verdict."""
