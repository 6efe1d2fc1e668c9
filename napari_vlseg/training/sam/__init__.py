"""Training, evaluation and publication of the bundled click and box model."""
