"""The queries of a run: what is asked, what is pending, what was answered, and the budget left."""
