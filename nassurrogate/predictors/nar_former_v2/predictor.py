"""NAR-Former V2 as a predictor of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT
from nassurrogate.predictors.graph_network import GraphNetworkPredictor
from nassurrogate.predictors.nar_former_v2.config import PAPER, V2Config
from nassurrogate.predictors.nar_former_v2.layers import identity_code
from nassurrogate.predictors.nar_former_v2.network import NarFormerV2Net
from nassurrogate.predictors.training.ensemble import Inputs, Labelled, Loss
from nassurrogate.predictors.training.losses import rank_loss, relative_loss

# Numbers of the operations in the released code; other operations follow.
_OP_CODES = ("input", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none", "output")


class NarFormerV2(GraphNetworkPredictor[V2Config]):
    """An ensemble of NAR-Former V2 networks, trained together; `paper` is one network, without a deviation.

    The last weights are kept, or after `choose_model_on` the best checkpoint, as in the released code.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = NarFormerV2(space, config={"epochs": 5})
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "nar-former-v2"
    description = (
        "NAR-Former V2, a graph-aided transformer; fast: a narrow ensemble on canonical cells; paper: as published"
    )
    presets: ClassVar[Mapping[str, V2Config]] = {"fast": V2Config(), "paper": PAPER}

    def choose_model_on(self, archs: Sequence[Architecture], targets: np.ndarray) -> None:
        """Let later fits keep, for each member, the checkpoint with the best Kendall's tau on these cells.

        Such a fit learns all its labels (`holdout` is ignored) and runs all epochs. It needs more labels than those it
        learns, and serves to compare with published figures.

        Args:
            archs: n > 1 architectures.
            targets: (n,) finite, in any unit; only their order matters.

        Raises `InputError` for other targets.
        """
        values = np.array(targets, dtype=np.float64)
        if len(archs) < 2 or values.shape != (len(archs),) or not np.isfinite(values).all():
            raise InputError(
                f"a checkpoint is chosen on at least 2 architectures with a finite target each, got {len(archs)} "
                f"architectures and {int(np.isfinite(values).sum())} finite targets of shape {values.shape}"
            )
        inputs = self.inputs(archs)
        self._selection = Labelled(inputs, torch.from_numpy(values).float().to(inputs[0].device))

    def _network(self) -> NarFormerV2Net:
        return NarFormerV2Net(self.config)

    @property
    def _loss(self) -> Loss:
        return rank_loss if self.config.labels == "rank" else relative_loss

    @property
    def _width(self) -> int:
        return self.config.width

    def _check_targets(self, targets: np.ndarray) -> None:
        if self.config.labels == "fraction" and (targets <= 0).any():
            raise InputError(
                f"labels='fraction' learns relative errors: targets must be above 0, got {targets.min():g}"
            )

    @property
    def reads_canonical_cells(self) -> bool:
        return self.config.cells == "reduced"

    @property
    def _relabels(self) -> bool:
        return self.config.labels == "fraction"

    @property
    def _vocabulary(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((INPUT, *_OP_CODES, *self.space.ops, OUTPUT)))

    def _read(self, op: Tensor, adjacency: Tensor, position: Tensor, mask: Tensor) -> Inputs:
        """Tokens (…, N, 2·code_width), undirected adjacency (…, N, N) and mask (…, N)."""
        width, there = self.config.code_width, mask.to(adjacency.dtype)
        token = torch.cat([identity_code(op, width), identity_code(position, width)], dim=-1)
        return token * there.unsqueeze(-1), adjacency + adjacency.transpose(-1, -2), there
