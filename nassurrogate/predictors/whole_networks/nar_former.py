"""The predictor `nar-former-v2-networks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

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
    node_features = staticmethod(operator_tokens)
    static_features = staticmethod(static_tokens)

    def _network(self) -> NarFormerNetwork:
        return NarFormerNetwork(self.config)

    @property
    def _width(self) -> int:
        return self.config.width
