"""What a search may evaluate: the feasible set of a run, and the pool of candidates that the surrogate scores."""
