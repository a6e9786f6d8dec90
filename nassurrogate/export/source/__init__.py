"""Modules as Python source: recorded on tensors without data, then written as classes with an explicit forward."""
