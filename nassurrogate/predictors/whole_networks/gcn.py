"""The predictor `nnlp-gcn`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nassurrogate.predictors.whole_networks.config import GcnConfig
from nassurrogate.predictors.whole_networks.gcn_network import GcnNetwork
from nassurrogate.predictors.whole_networks.plain_features import operator_features, static_features
from nassurrogate.predictors.whole_networks.predictor import WholeNetworkPredictor

PAPER = GcnConfig()
FAST = GcnConfig(width=96, head_width=96, dropout=0.0, epochs=40, learning_rate=4e-3, folds=3, scaled=True)
"""For the CPU."""


class NetworkGCN(WholeNetworkPredictor[GcnConfig]):
    """NNLP, the GraphSAGE network of NNLQP (Liu et al., ICPP 2022, "NNLQP: A multi-platform neural network latency
    query and prediction system with an evolving database").

    `paper` is the released configuration of the experiment on unseen structures. The released code keeps the learning
    rate, and the epoch with the lowest error on the test set; here the rate falls to 0 and the last weights are kept.
    """

    name = "nnlp-gcn"
    description = "NNLP, a GraphSAGE network on whole networks; fast: narrow, for the CPU; paper: as released"
    presets: ClassVar[Mapping[str, GcnConfig]] = {"fast": FAST, "paper": PAPER}
    node_features = staticmethod(operator_features)
    static_features = staticmethod(static_features)

    def _network(self) -> GcnNetwork:
        return GcnNetwork(self.config)

    @property
    def _width(self) -> int:
        return self.config.width
