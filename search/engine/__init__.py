"""One search from end to end: the loop, the evaluator, the strategies and the result."""
