"""What predictors read of an architecture: path features, padded graphs, zero-cost proxies, features of any space."""
