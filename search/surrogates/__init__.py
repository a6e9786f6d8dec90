"""The surrogates that guide a search: one that learns from its queries, saved ones beside it, and the oracle."""
