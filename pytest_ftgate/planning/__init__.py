"""Arms become Trials: templates, shots, context, and the fingerprint of what is sent."""
