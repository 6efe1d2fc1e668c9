"""The work itself: generators over models, masks and projects."""
