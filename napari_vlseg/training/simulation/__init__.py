"""A simulated annotator: what corrections are worth, without people."""
