"""Protocols C3 and C4: predictors of the latency of whole networks, in domain and on unseen families."""
