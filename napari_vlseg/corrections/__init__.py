"""Corrections: projects on disk."""
