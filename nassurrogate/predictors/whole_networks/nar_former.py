"""The predictor `nar-former-v2-networks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.predictors.whole_networks.config import NarFormerConfig
from nassurrogate.predictors.whole_networks.nar_former_network import NarFormerNetwork
from nassurrogate.predictors.whole_networks.predictor import WholeNetworkPredictor
from nassurrogate.predictors.whole_networks.tokens import operator_tokens, static_tokens

PAPER = NarFormerConfig()
FAST = NarFormerConfig(
    width=64,
    ffn_ratio=2,
    head_width=64,
    layer_scale=0.1,
    dropout=0.0,
    epochs=40,
    learning_rate=4e-3,
    folds=3,
    scaled=True,
)
"""For the CPU."""


class NarFormerV2Networks(WholeNetworkPredictor[NarFormerConfig]):
    """NAR-Former V2 for whole networks (Yi et al., NeurIPS 2023, arXiv 2306.10792).

    `paper` is the published configuration. The released code keeps the epoch with the lowest error on the test set;
    here the last weights are kept.
    """

    name = "nar-former-v2-networks"
    description = "NAR-Former V2 on whole networks; fast: narrow, for the CPU; paper: as published"
    presets: ClassVar[Mapping[str, NarFormerConfig]] = {"fast": FAST, "paper": PAPER}

    def _network(self) -> NarFormerNetwork:
        return NarFormerNetwork(self.config)

    def _node_features(self, operators: Sequence[Operator]) -> np.ndarray:
        return operator_tokens(operators)

    def _static_features(self, graphs: Sequence[OperatorGraph]) -> np.ndarray:
        return static_tokens(graphs)

    @property
    def _width(self) -> int:
        return self.config.width
