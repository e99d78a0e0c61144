"""The script `pytest-ftgate`."""
