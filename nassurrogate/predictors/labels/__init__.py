"""The labels of a fit: their scale, how they are saved with a model, and notes for the user."""
