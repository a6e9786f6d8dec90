"""The inputs of predictors: path features, padded graphs, zero-cost proxies, features of any space."""
