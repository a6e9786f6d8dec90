"""A metric that nobody else has heard of."""

from nassurrogate.metric import Metric

MERIT = Metric("my_merit", unit="points", direction="maximize")
