"""Clicking in the window: what is asked of the click model, and what is shown of its answers."""
