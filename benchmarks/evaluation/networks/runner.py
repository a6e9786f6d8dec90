"""`evaluate_networks`: fits predictors to measured networks, and compares predicted with measured latencies.

It has a plan of its own instead of a `Plan`: that one is made for a benchmark, which can be queried, and for one number
of labels at a time. Here the truth is a list of measurements, a split is a matter of families, and each fit has one
result per family. What a fit is, where it is stored and how it is made are shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks.evaluation.contenders import Contender, Predictors, resolve_contenders
from nassurrogate.benchmarks.evaluation.finished_fits import Progress, finish_fits
from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction
from nassurrogate.benchmarks.evaluation.networks.data import NetworkData
from nassurrogate.benchmarks.evaluation.networks.measures import FamilyResult, PredictorResult, latency_metrics
from nassurrogate.benchmarks.evaluation.networks.published import published_latencies
from nassurrogate.benchmarks.evaluation.networks.result import NetworkResult
from nassurrogate.benchmarks.evaluation.networks.splits import NetworkSplit, NetworkSplits
from nassurrogate.benchmarks.evaluation.prediction_store import PredictionStore
from nassurrogate.benchmarks.evaluation.protocols import NETWORK_PROTOCOLS
from nassurrogate.benchmarks.networks import MeasuredNetworks
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.metric import known_metric
from nassurrogate.predictors import Predictor, resolve_predictor
from nassurrogate.seed import checked_seed
from nassurrogate.spaces import get_space

_SPACE = "networks"
_METRIC = known_metric("latency_ms")


def evaluate_networks(
    protocol: str,
    data: MeasuredNetworks | NetworkData,
    *,
    splits: int | Sequence[int] = 3,
    predictors: Predictors = None,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    per_family: int | None = None,
    families: Sequence[str] | None = None,
    own_split: bool = False,
    adapt_to: int = 0,
    jobs: int = 1,
    run_dir: str | Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> NetworkResult:
    """Measure predictors of latency by protocol C3 (in domain) or C4 (each family left out in turn).

    Every fit sees its training networks and nothing else. With a folder it is stored and never repeated.

    Args:
        protocol: `C3` or `C4`.
        data: as `read_measured`, `read_nnlqp` or `read_data` return it.
        splits: number of splits, or their numbers. Split s comes from `SeedSequence([seed, s])`, and so does the seed
            of its fit; in C4 it only selects the `per_family` networks.
        predictors: a registered name, `name:preset` or a class, a list of these, or `"all"`: every one that reads
            networks; None: the default one.
        config: hyper-parameters that replace the preset's, by predictor as named in `predictors`.
        seed: two seeds share nothing.
        per_family: the most training networks of each family, chosen at random; None: all. Test networks are always
            all.
        families: those to test on; None: all. Others are still trained on.
        own_split: of C3: the split that the data set comes with.
        adapt_to: of C4: how many networks of the family left out, chosen at random, the fitted predictor is then
            adapted to; the others are the test set.
        jobs: processes; several have one thread each, and a script then needs `if __name__ == "__main__":`.
        run_dir: folder of the fits; None: they are not kept.
        device: where the predictors run; not the device that was measured.
        progress: see `Progress`.

    Raises `InputError` for unusable input, before the first fit, and if a predictor refuses its labels;
    `RuntimeError` if a predictor fails.
    """
    contenders, notes = check_request(
        protocol, splits=splits, predictors=predictors, config=config, seed=seed, per_family=per_family,
        own_split=own_split, adapt_to=adapt_to, jobs=jobs, device=device,
    )  # fmt: skip
    source = data if isinstance(data, NetworkData) else NetworkData(data, "")
    tested = _tested(source.networks, families)
    plan = _NetworkPlan(protocol, source.networks, tested, seed, per_family, own_split=own_split, adapt_to=adapt_to)
    chosen = plan.splits(_numbers(splits))
    store = PredictionStore(None if run_dir is None else Path(run_dir))
    store.open()
    results: dict[str, list[FamilyResult]] = {contender.full_name: [] for contender in contenders}
    by_fit: dict[tuple[str, str, int], tuple[Contender, NetworkSplit]] = {}

    def fits() -> Iterator[Fit]:
        for split in chosen:
            for contender in contenders:
                fit = plan.fit(contender, split, device)
                by_fit[_place(fit)] = contender, split
                yield fit

    def keep(fit: Fit, prediction: Prediction) -> None:
        contender, split = by_fit[_place(fit)]
        results[contender.full_name] += plan.results(contender.name, split, prediction)

    finish_fits(fits(), len(chosen) * len(contenders), store, jobs, keep, progress)
    place = {family: number for number, family in enumerate(tested)}
    for found in results.values():
        found.sort(key=lambda result: (place[result.family], result.split))
    return NetworkResult(
        protocol=protocol,
        own_split=own_split,
        adapt_to=adapt_to,
        source=source.source,
        device=source.networks.device,
        networks=len(source.networks),
        seed=seed,
        per_family=per_family,
        predictors=tuple(
            PredictorResult.of(contender.name, contender.preset, results[contender.full_name])
            for contender in contenders
        ),
        results=tuple(result for found in results.values() for result in found),
        published=published_latencies(protocol) if source.is_nnlqp else (),
        notes=(*_data_notes(source.networks, chosen, protocol, own_split=own_split), *notes),
        run_dir=None if run_dir is None else str(run_dir),
    )


def check_request(
    protocol: str,
    *,
    splits: int | Sequence[int],
    predictors: Predictors,
    config: Mapping[str, Mapping[str, Any]] | None,
    seed: int,
    per_family: int | None,
    own_split: bool,
    adapt_to: int = 0,
    jobs: int,
    device: str,
) -> tuple[list[Contender], list[str]]:
    """The predictors, and notes on those left out; for use before the networks are read, which may take minutes.

    The arguments are those of `evaluate_networks`. Raises `InputError` for all that is wrong whatever the data.
    """
    if protocol not in NETWORK_PROTOCOLS:
        raise unknown_choice("protocol of whole networks", protocol, NETWORK_PROTOCOLS)
    if own_split and protocol != "C3":
        raise InputError(f"own_split applies to C3 only, got {protocol}")
    if type(adapt_to) is not int or adapt_to < 0 or adapt_to == 1:
        raise InputError(f"adapt_to must be 0 or a whole number from 2, got {brief(adapt_to)}")
    if adapt_to and protocol != "C4":
        raise InputError(f"adapt_to applies to C4 only, got {protocol}")
    _numbers(splits)
    checked_seed(seed)
    for name, number in (("per_family", per_family), ("jobs", jobs)):
        if number is not None:
            _check_from_one(name, number)
    contenders, notes = resolve_contenders(_SPACE, _METRIC, predictors, config or {}, device)
    for contender in contenders if adapt_to else ():
        cls = contender.given_class or resolve_predictor(contender.full_name)[0]
        if cls.adapt is Predictor.adapt:
            raise InputError(f"adapt_to needs predictors that adapt, such as roofline, got {contender.name!r}")
    return contenders, notes


def _place(fit: Fit) -> tuple[str, str, int]:
    return fit.predictor, fit.about["kind"], fit.about["split"]


class _NetworkPlan:
    """The fits of one evaluation, and their results."""

    def __init__(
        self,
        protocol: str,
        networks: MeasuredNetworks,
        tested: Sequence[str],
        seed: int,
        per_family: int | None,
        *,
        own_split: bool,
        adapt_to: int,
    ) -> None:
        self._few = adapt_to
        self._protocol, self._networks, self._tested, self._seed = protocol, networks, tested, seed
        self._kind = "C3-own" if own_split else protocol
        self._archs = get_space(_SPACE).parse_many(list(networks.graphs))
        self._family_of = np.array(networks.families)
        self._splits = NetworkSplits(networks, seed, per_family)

    def splits(self, numbers: Sequence[int]) -> list[NetworkSplit]:
        """All splits with these numbers: in C4, one for each family tested."""
        if self._kind == "C3-own":
            return [self._splits.published(number, self._tested) for number in numbers]
        if self._protocol == "C3":
            return [self._splits.in_domain(number, self._tested) for number in numbers]
        return [self._splits.without(family, number, few=self._few) for number in numbers for family in self._tested]

    def fit(self, contender: Contender, split: NetworkSplit, device: str) -> Fit:
        """One fit."""
        return Fit(
            about={
                "dataset": self._networks.device,
                "kind": f"{self._kind}-{_METRIC.name}" + (f"-without-{split.unseen}" if split.unseen else ""),
                "seed": self._seed,
                "split": split.number,
                "n_labels": len(split.train),
                "unseen": split.unseen,
            },
            space=_SPACE,
            predictor=contender.full_name,
            config=contender.config,
            metric=_METRIC,
            seed=split.seed,
            device=device,
            cells=[self._archs[place] for place in split.train],
            targets=self._networks.latency_ms[split.train],
            ranked=[self._archs[place] for place in split.test],
            given_class=contender.given_class,
            adapted_to=([self._archs[place] for place in split.few], self._networks.latency_ms[split.few])
            if len(split.few)
            else None,
        )

    def results(self, predictor: str, split: NetworkSplit, prediction: Prediction) -> Iterator[FamilyResult]:
        """The result of a finished fit for each family."""
        of_test = self._family_of[split.test]
        latency = self._networks.latency_ms[split.test]
        for family in self._tested:
            own = of_test == family
            if own.any():
                yield FamilyResult(
                    predictor=predictor,
                    family=family,
                    split=split.number,
                    train=len(split.train),
                    test=int(own.sum()),
                    **latency_metrics(prediction.mean[own], prediction.std[own], latency[own]),
                    fit_s=prediction.fit_s,
                    score_s=prediction.score_s,
                )


def _tested(networks: MeasuredNetworks, families: Sequence[str] | None) -> list[str]:
    known = networks.family_names
    if families is None:
        return known
    if isinstance(families, str) or not families or len(set(families)) < len(families):
        raise InputError(f"families must be different names, at least one, got {brief(families)}")
    for family in families:
        if family not in known:
            raise unknown_choice("family", family, known, place=f" on {networks.device}")
    return list(families)


def _numbers(splits: int | Sequence[int]) -> list[int]:
    if isinstance(splits, Sequence):
        if (
            not splits
            or len(set(splits)) < len(splits)
            or any(type(number) is not int or number < 0 for number in splits)
        ):
            raise InputError(f"splits must be different whole numbers from 0, at least one, got {brief(splits)}")
        return list(splits)
    _check_from_one("splits", splits)
    return list(range(splits))


def _check_from_one(name: str, number: object) -> None:
    if type(number) is not int or number < 1:
        raise InputError(f"{name} must be a whole number from 1, got {brief(number)}")


def _data_notes(
    networks: MeasuredNetworks, splits: Sequence[NetworkSplit], protocol: str, *, own_split: bool
) -> list[str]:
    notes = []
    if networks.unread:
        notes.append(f"{len(networks.unread)} networks could not be read and are left out")
    dropped = max(split.dropped for split in splits)
    if dropped:
        notes.append(f"up to {dropped} networks are not trained on, since they equal a test network")
    if protocol == "C3" and networks.stages is not None and not own_split:
        notes.append("the data set comes with a split of its own, which own_split (--own-split) uses")
    return notes
