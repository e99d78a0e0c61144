"""What pytest sees: options, collection, outcomes, gates, xdist."""
