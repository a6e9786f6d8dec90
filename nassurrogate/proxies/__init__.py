"""Zero-cost proxies: statistics of networks with random weights, and the tables of them that ship."""
