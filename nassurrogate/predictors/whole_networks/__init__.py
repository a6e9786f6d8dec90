"""Networks that predict a metric of whole networks, such as the latency, from the graph of their operators."""
