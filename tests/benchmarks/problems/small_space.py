"""The head of problem files in tests."""

SPACE = """
from nassurrogate.spaces import CategoricalSpace

space = CategoricalSpace("mine", {"do": ["well", "harm"], "n": [0, 1, 2, 3]})
"""
