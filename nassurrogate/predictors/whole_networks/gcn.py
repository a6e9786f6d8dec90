"""The predictor `nnlp-gcn`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
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

    def _network(self) -> GcnNetwork:
        return GcnNetwork(self.config)

    def _node_features(self, operators: Sequence[Operator]) -> np.ndarray:
        return operator_features(operators)

    def _static_features(self, graphs: Sequence[OperatorGraph]) -> np.ndarray:
        return static_features(graphs)

    @property
    def _width(self) -> int:
        return self.config.width
