"""How results are shown to people: metrics and durations in words."""
