"""Records become rates with intervals, comparisons and tests."""
