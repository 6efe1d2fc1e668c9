"""Segmentation models behind small protocols, found by name through a lazy registry."""
