"""Responses become Grades with typed signatures."""
