"""The default predictor of what whole networks cost: a roofline of every kernel, summed, with a learned correction.

A network's latency is the sum over its kernels (`graphs.kernels`) of a roofline (Williams et al., CACM 2009), here the
sum of its terms: arithmetic, data, weights, unrolled data and a launch, each times a cost. Costs are shared between
kernels on several levels (`levels`), so that it extrapolates to families, kernels and operators that it has not seen. A
small network corrects every kernel within bounds (`correction`). With a few measured networks of another device or
family it adapts (`adaptation`). It learns any positive metric that adds up over operators, such as a latency or
an energy.

Shapes: n labels, B networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.predictors.base import Predictor, Progress, check_ranges
from nassurrogate.predictors.roofline.adaptation import adapted
from nassurrogate.predictors.roofline.correction import CorrectionConfig, train_correction
from nassurrogate.predictors.roofline.cost_layer import LayerTask, fit_layer
from nassurrogate.predictors.roofline.cost_model import CostModel
from nassurrogate.predictors.roofline.familiarity import Familiarity
from nassurrogate.predictors.roofline.held_out_groups import inflation
from nassurrogate.predictors.roofline.kernel_table import KernelTable
from nassurrogate.predictors.roofline.levels import Spread, weights_of
from nassurrogate.predictors.roofline.state import model_arrays, read_model
from nassurrogate.runtime.blas_threads import one_blas_thread
from nassurrogate.runtime.device import one_thread, torch_device
from nassurrogate.spaces.network_space import NetworkSpace

_PIECE = 1 << 10
"""Networks whose kernels are in memory at a time when they are scored."""


@dataclass(frozen=True)
class RooflineConfig:
    """Hyper-parameters.

    quantity, role, operator, kind: prior standard deviations of the natural logarithm of a cost on each level.
    evidence: the number of networks that at most count as independent: those of one family share their errors.
    most_labels: most networks that the rooflines are fitted to, a random choice; the correction learns all.
    correction_labels: from how many networks on the correction is trained.
    members: networks of the correction.
    width: hidden units of each.
    bound: the natural logarithm of the largest factor by which it changes the cost of a kernel.
    epochs, batch, max_steps, learning_rate, weight_decay: of its training.
    """

    quantity: float = 20.0
    role: float = 3.0
    operator: float = 1.0
    kind: float = 1.0
    evidence: float = 1000.0
    most_labels: int = 4000
    correction_labels: int = 200
    members: int = 3
    width: int = 64
    bound: float = 0.7
    epochs: int = 40
    batch: int = 64
    max_steps: int = 12_000
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)


_RANGES = {
    "quantity": (1e-3, 100.0), "role": (1e-3, 100.0), "operator": (1e-3, 100.0), "kind": (1e-3, 100.0),
    "evidence": (1.0, 1e9), "most_labels": (10, 1_000_000), "correction_labels": (20, 1_000_000_000),
    "members": (1, 32), "width": (1, 1024), "bound": (1e-3, 5.0), "epochs": (1, 10_000), "batch": (1, 100_000),
    "max_steps": (1, 10_000_000), "learning_rate": (0.0, 1.0), "weight_decay": (0.0, 1e3),
}  # fmt: skip


class Roofline(Predictor[RooflineConfig]):
    """Rooflines of all kernels, summed and corrected.

    >>> from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
    >>> from nassurrogate.spaces import get_space
    >>> def network(channels):
    ...     image, out = (1, 3, 8, 8), (1, channels, 8, 8)
    ...     sizes = {"params": 3 * channels, "flops": 384 * channels}
    ...     convolution = Operator("Conv", (0,), (out,), kernel=(1, 1), stride=(1, 1), **sizes)
    ...     return OperatorGraph([Operator("Input", (), (image,)), convolution])
    >>> space = get_space("networks")
    >>> predictor = Roofline(space)
    >>> predictor.fit(space.parse_many([network(8), network(16), network(32)]), np.array([1.0, 2.0, 4.0]))
    >>> mean, std = predictor.predict(space.parse_many([network(64)]))
    >>> bool(7 < mean[0] < 9)
    True
    """

    name = "roofline"
    description = "latency or energy of whole networks: a roofline of every kernel, with a bounded learned correction"
    presets: ClassVar[Mapping[str, RooflineConfig]] = {
        "default": RooflineConfig(),
        "additive": RooflineConfig(correction_labels=1_000_000_000),
    }
    requires = NetworkSpace

    def uses(self) -> list[str]:
        return ["operators, their shapes and exact costs"]

    @property
    def reads_canonical_cells(self) -> bool:
        return False

    def _table(self, archs: Sequence[Architecture]) -> KernelTable:
        space = cast(NetworkSpace, self.space)
        return KernelTable.of([space.operator_graph(arch) for arch in archs])

    def _checked(self, archs: Sequence[Architecture], targets: np.ndarray) -> tuple[KernelTable, np.ndarray]:
        values = np.array(targets, dtype=np.float64)
        if (values <= 0).any():
            raise InputError(f"predictor {self.name!r} learns {self.metric.name} above 0, got {values.min():g}")
        table = self._table(archs)
        empty = np.flatnonzero(np.diff(table.start) == 0)
        if empty.size:
            raise InputError(f"network {empty[0]} has no operators, so nothing can be learned from it")
        return table, values

    @one_blas_thread()
    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        table, values = self._checked(archs, targets)
        config, rng = self.config, np.random.default_rng(self.seed)
        spread = Spread(0.0, config.quantity, config.role, config.operator, config.kind)
        weights = weights_of(table.kinds)
        sums = table.sums().reshape(len(table), -1)
        some = rng.permutation(len(values))[: config.most_labels]

        def fitted(rows: np.ndarray, noise: float | None = None) -> CostModel:
            task = LayerTask(sums[rows], values[rows], weights, np.zeros(len(weights)))
            found = fit_layer(task, spread, evidence=config.evidence, noise=noise)
            return CostModel((found.layer,), None, found.noise)

        model = fitted(np.sort(some))
        model = inflation(model, lambda rows: fitted(rows, model.noise), table, values, rng)
        if len(values) >= config.correction_labels:
            model = self._corrected(model, table, values, rng, progress)
        self._model, self._familiar = model, Familiarity.of(table)

    def _corrected(
        self,
        model: CostModel,
        table: KernelTable,
        values: np.ndarray,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> CostModel:
        config, device = self.config, torch_device(self.device)
        order = rng.permutation(len(values))
        held, known = np.split(order, [min(500, len(order) // 10)])
        learned = table.rows(np.sort(known))
        with one_thread(device, config.width):
            correction = train_correction(
                learned,
                model.kernel_costs(learned),
                values[np.sort(known)],
                self._correction_config(),
                noise=model.noise,
                seed=self.seed,
                device=device,
                progress=progress,
            )
        corrected = CostModel(model.layers, correction, model.noise, model.inflation)
        error = np.log(corrected.predict(table.rows(held))[0] / values[held])
        return CostModel(model.layers, correction, float(np.sqrt((error**2).mean())), model.inflation)

    def _correction_config(self) -> CorrectionConfig:
        names = ("members", "width", "bound", "epochs", "batch", "max_steps", "learning_rate", "weight_decay")
        return CorrectionConfig(**{name: getattr(self.config, name) for name in names})

    @one_blas_thread()
    def adapt(self, archs: Sequence[Architecture], targets: np.ndarray) -> None:
        """Adapt a fitted predictor to n measured networks of another device or family; some twenty suffice."""
        table, values = self._checked(archs, targets)
        self._model = adapted(self._model, table, values, evidence=self.config.evidence)
        self._familiar = self._familiar.joined(Familiarity.of(table))

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        value, log_std = self.log_normal(archs)
        return value, value * log_std

    @one_blas_thread()
    def log_normal(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """(B,) medians in the metric's unit, and (B,) standard deviations of the natural logarithm."""
        pieces = [archs[start : start + _PIECE] for start in range(0, len(archs), _PIECE)]
        parts = [np.empty((2, 0)), *(np.stack(self._model.predict(self._table(piece))) for piece in pieces)]
        # Rounded, as in some linear-algebra libraries the last digits of a row depend on its position.
        value, log_std = np.concatenate(parts, axis=1)
        return _rounded(value), np.round(log_std, 9)

    def kernel_costs(self, arch: Architecture) -> tuple[KernelTable, np.ndarray]:
        """The K kernels of one network, and the (K,) part of the prediction that each takes."""
        table = self._table([arch])
        return table, self._model.kernel_costs(table)

    @property
    def familiarity(self) -> Familiarity:
        """What the training networks contained."""
        return self._familiar

    def learns_again(self, meta: Mapping[str, Any]) -> bool:
        return False

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return model_arrays(self._model, self._familiar)

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        self._model, self._familiar = read_model(tensors, meta, self._correction_config())


def _rounded(values: np.ndarray) -> np.ndarray:
    """Rounded to 10 significant digits."""
    scale = 10.0 ** (9 - np.floor(np.log10(np.where(values > 0, values, 1.0))))
    return np.asarray(np.round(values * scale) / scale)
