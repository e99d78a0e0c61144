"""Trials become Responses: engine, limits, retry, providers, response store."""
