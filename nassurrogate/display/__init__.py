"""Metrics and durations in words, for people to read."""
