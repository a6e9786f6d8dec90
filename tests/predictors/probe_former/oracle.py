"""Labels for the tests of Probe-Former, and its parts computed in other ways.

Shapes: n labels, B cells, M members, P proxies.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import block_diag
from scipy.stats import norm
from sklearn.gaussian_process.kernels import Matern

from nassurrogate.graphs.codes import op_vocabulary
from nassurrogate.predictors.cell_kernel import KERNEL
from nassurrogate.predictors.inputs.cells import class_scores, read
from nassurrogate.predictors.probe_former.prior import PRIOR
from nassurrogate.predictors.probe_former.relation_transformer import RelationTransformer, node_features, relation_bias


def labels(space, n):
    cells = space.sample(n, np.random.default_rng(n))
    rough = [cell.string.count("3x3") - cell.string.count("none") + cell.index / 1e6 for cell in cells]
    targets = np.empty(n)
    targets[np.argsort(rough)] = norm.ppf((np.arange(n) + 0.5) / n)
    return cells, targets


def network_inputs(graph, n_ops, *, masked=True):
    """The arguments of a relation transformer for a batch of graphs, in double precision."""
    op, adjacency, depth, mask = (torch.from_numpy(part) for part in vars(graph).values())
    feature = node_features(op, adjacency, depth, mask, n_ops)
    return feature.double(), relation_bias(adjacency, mask, masked=masked).double(), adjacency.double(), mask


def columns(space, config, tensors, classes):
    """(M, B, 1 + P) scores and proxies that networks with these weights predict for (B,) classes."""
    n_proxies = class_scores(space).shape[1] if config.probes else 0
    n_ops = len(op_vocabulary(space.computing_ops))
    network = RelationTransformer(n_ops, n_proxies, config.width, config.blocks, config.ffn_ratio).double()
    inputs = network_inputs(read(space, classes).graph, n_ops, masked=config.relations)
    weights = {
        name.removeprefix("weights.").replace("norm.scale", "norm.weight"): torch.from_numpy(value).double()
        for name, value in tensors.items()
        if name.startswith("weights.")
    }
    found = []
    for member in range(config.members):
        network.load_state_dict({name: value[member] for name, value in weights.items()})
        with torch.no_grad():
            found.append(network(*inputs).numpy())
    return np.stack(found)


def proxy_error(space, config, tensors, classes):
    """Mean squared error of the proxies that the networks predict, which have variance 1 over the space."""
    return float(np.square(columns(space, config, tensors, classes)[..., 1:] - class_scores(space)[classes]).mean())


def posterior(inputs, scores, slope, places, noise, kernel=KERNEL, prior=PRIOR):
    """(B,) means and deviations of a label: the model of `probe_former.prior`, conditioned as any Gaussian.

    Args:
        inputs: (n, F) of the labels; the last column is the prior score.
        scores: (n,) labels.
        slope: expected.
        places: (B, F) inputs to predict.
        noise: variance of a label.
        kernel: gives the variance of f.
        prior: gives that of the slope.
    """
    n, every = len(scores), np.vstack([inputs, places])
    of_function = kernel.variance * Matern(nu=1.5)(every[:, :-1])
    reads = np.column_stack([every[:, -1], np.eye(len(every))])  # a label is z · w + f
    covariance = reads @ block_diag([[prior.slope_std**2]], of_function) @ reads.T + noise * np.eye(len(every))
    mean = slope * every[:, -1]
    gain = np.linalg.solve(covariance[:n, :n], covariance[:n, n:]).T
    left = np.diag(covariance)[n:] - np.einsum("bn,nb->b", gain, covariance[:n, n:])
    return mean[n:] + gain @ (scores - mean[:n]), np.sqrt(left)
