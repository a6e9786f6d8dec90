"""One search from end to end: the loop, its evaluator and surrogates, its budget, and its result."""
