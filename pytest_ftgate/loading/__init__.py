"""YAML with line marks, schema validation and case files become an Evalset."""
