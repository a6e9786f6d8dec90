"""Pickles that are not trusted: plain data is read from them, and nothing in them is executed."""
