"""Searchers, one file each, and the acquisition functions beside them."""
