"""Stacks, and planes too large for one pass: segmented block by block while the person works."""
