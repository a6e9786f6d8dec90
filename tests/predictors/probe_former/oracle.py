"""Labels for the tests of Probe-Former, and its networks evaluated one by one."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import norm

from nassurrogate.graphs.codes import op_vocabulary
from nassurrogate.predictors.inputs.cells import read
from nassurrogate.predictors.inputs.path_features import class_numbers
from nassurrogate.predictors.probe_former.relation_transformer import RelationTransformer, node_features, relation_bias


def labels(space, n):
    cells = space.sample(n, np.random.default_rng(n))
    rough = [cell.string.count("3x3") - cell.string.count("none") + cell.index / 1e6 for cell in cells]
    targets = np.empty(n)
    targets[np.argsort(rough)] = norm.ppf((np.arange(n) + 0.5) / n)
    return cells, targets


def alone(space, predictor, cells):
    """(M, B) predictions of the networks with the weights in the state, member by member and cell by cell."""
    tensors, _ = predictor.state()
    config = predictor.config
    scores = np.empty((config.members, len(cells)))
    n_ops = len(op_vocabulary(space.computing_ops))
    net = RelationTransformer(n_ops, 25, config.width, config.blocks, config.ffn_ratio).double()
    known = read(space, class_numbers(space, cells))
    weights = {
        name.removeprefix("weights.").replace("norm.scale", "norm.weight"): torch.from_numpy(value).double()
        for name, value in tensors.items()
        if name.startswith("weights.")
    }
    for member in range(config.members):
        net.load_state_dict({name: value[member] for name, value in weights.items()})
        for column in range(len(cells)):
            one = known.take(np.array([column]))
            op, adjacency, depth, mask = (torch.from_numpy(part) for part in vars(one.graph).values())
            feature = node_features(op, adjacency, depth, mask, n_ops).double()
            bias = relation_bias(adjacency, mask).double()
            with torch.no_grad():
                scores[member, column] = net(feature, bias, mask, torch.from_numpy(one.probes).double())[0]
    return scores
