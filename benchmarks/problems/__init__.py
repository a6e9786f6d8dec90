"""Problems: files in which a user declares a space and its training, which runs in processes of its own."""

from nassurrogate.benchmarks.problems.problem import Problem, load_problem

__all__ = ["Problem", "load_problem"]
