"""Training: scenes, the recipe of the bundled models, and their evaluation."""
