"""What a search may evaluate: the feasible set of a run, and the pool of candidates that the surrogate scores."""

from nassurrogate.renamed import moved_names

__getattr__ = moved_names(__name__, ["feasibility", "unknown_values"], {"MOST_LISTED": "feasibility._MOST_LISTED"})
