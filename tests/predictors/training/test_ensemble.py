"""An ensemble trained as one batched model: independence of its members, and the labels of every batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.predictors.nar_former_v1 import NarFormerV1
from nassurrogate.predictors.nar_former_v2 import NarFormerV2, NarFormerV2Net, V2Config
from nassurrogate.predictors.training.ensemble import Ensemble, Labelled, Schedule, Unlabelled
from nassurrogate.predictors.training.losses import rank_loss
from nassurrogate.predictors.training.steps import Steps

TINY = V2Config(width=16, head_width=8, members=2, epochs=3)


def untrained(members=3, seed=0, config=TINY):
    return Ensemble.untrained(lambda: NarFormerV2Net(config), members, seed, torch.device("cpu"))


def labelled(space, n=12, predictor=None):
    predictor = predictor or NarFormerV2(space, config=vars(TINY), device="cpu")
    inputs = predictor.inputs(space.parse_many(range(n)))
    return Labelled(inputs, torch.linspace(-1, 1, n)[torch.randperm(n, generator=_rng())])


def _rng():
    return torch.Generator().manual_seed(0)


SCHEDULE = Schedule(epochs=4, batch=4, learning_rate=1e-3, weight_decay=0.01, warmup=0.1, patience=2)


@pytest.mark.parametrize("members", [1, 3])
def test_a_member_computes_what_the_network_alone_does(space, members):
    ensemble = untrained(members)
    inputs = tuple(part.squeeze(1).double() for part in labelled(space).inputs)
    together = ensemble.predict(inputs)
    assert together.shape == (members, 12)
    for member, row in enumerate(together):
        net = NarFormerV2Net(TINY).eval().double()
        net.load_state_dict({name: value[member].double() for name, value in ensemble.weights.items()}, strict=True)
        with torch.no_grad():
            np.testing.assert_allclose(net(*inputs), row, rtol=0, atol=1e-9)


def test_members_are_independent(space):
    """The weights of a member do not affect the training of another."""
    plain, disturbed = untrained(), untrained()
    first = plain.weights["head.0.weight"]
    assert (first[0] != first[1]).any()
    disturbed.weights = {name: torch.cat([value[:1], value[1:] * 1.5]) for name, value in disturbed.weights.items()}
    for ensemble in (plain, disturbed):
        ensemble.fit(labelled(space), SCHEDULE, rank_loss)
    for name, value in plain.weights.items():
        np.testing.assert_allclose(value[0], disturbed.weights[name][0], rtol=0, atol=1e-6)
    assert any((value[1] != disturbed.weights[name][1]).any() for name, value in plain.weights.items())


def test_a_batched_step_is_the_step_each_member_takes_alone(space):
    """One full batch per epoch, so that the order of batches does not matter; PyTorch's AdamW is the oracle."""
    data, ensemble = labelled(space), untrained()
    starts = {name: value.clone() for name, value in ensemble.weights.items()}
    full = Schedule(epochs=3, batch=12, learning_rate=1e-3, weight_decay=0.01, warmup=0.1, patience=2)
    ensemble.fit(data, full, rank_loss)
    for member in range(3):
        net = NarFormerV2Net(TINY)
        net.load_state_dict({name: value[member] for name, value in starts.items()})
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
        for step in range(3):
            optimizer.param_groups[0]["lr"] = 1e-3 * full.rate(step, 3)
            optimizer.zero_grad()
            output = net(*(part.squeeze(1) for part in data.inputs))
            rank_loss(output[None, :, None], data.targets[None]).sum().backward()
            optimizer.step()
        for name, value in net.state_dict().items():
            # The size of Adam's first steps does not depend on the gradient: noise in its sign is noise in the step.
            close = np.isclose(value, ensemble.weights[name][member], rtol=0, atol=1e-5)
            assert close.mean() > 0.99, name


def test_the_rate_warms_up_and_falls_to_0():
    rates = [SCHEDULE.rate(step, 100) for step in range(100)]
    assert rates[9] == max(rates) == 1
    assert rates[:10] == pytest.approx(np.linspace(0.1, 1, 10))
    assert rates[10:] == pytest.approx(np.linspace(1, 1 / 90, 90))
    assert [SCHEDULE.rate(0, 1), Schedule(1, 1, 1, 0, 0.99, 1).rate(1, 2)] == [1, 1]


class _Scripted:
    """A loss with prescribed values on held-out rows, which notes the targets of training batches."""

    def __init__(self, held_out: list[list[float]], n_held: int) -> None:
        self.script, self.n_held = iter(held_out), n_held
        self.seen: list[torch.Tensor] = []

    def __call__(self, prediction, target):
        if torch.is_grad_enabled():
            self.seen.append(target)
            return rank_loss(prediction, target)
        assert target.shape[-1] == self.n_held
        return torch.tensor(next(self.script))


def test_early_stopping_keeps_each_members_best_weights(space):
    data = labelled(space)
    train, held = (
        Labelled(tuple(p[rows] for p in data.inputs), data.targets[rows]) for rows in (slice(8), slice(8, 12))
    )
    script = [[3.0, 1.0], [2.0, 2.0], [4.0, 2.0], [5.0, 3.0], [0.0, 0.0]]  # best: epoch 2 and epoch 1; then two worse
    snapshots, calls = [], []
    long = Schedule(epochs=9, batch=4, learning_rate=1e-3, weight_decay=0.01, warmup=0.1, patience=2)
    for epochs in (1, 2):  # the weights after one and two epochs of the same schedule
        ensemble = untrained(2)
        worse = [[float(-e)] * 2 for e in range(epochs)] + [[9.0, 9.0]] * 9
        ensemble.fit(train, long, _Scripted(worse, 4), held_out=held)
        snapshots.append(ensemble.weights)
    loss, ensemble = _Scripted(script, 4), untrained(2)
    ensemble.fit(train, long, loss, held_out=held, progress=lambda *step: calls.append(step))
    for name, value in ensemble.weights.items():
        assert torch.equal(value[0], snapshots[1][name][0])
        assert torch.equal(value[1], snapshots[0][name][1])
    assert calls == [(1, 9), (2, 9), (3, 9), (4, 9), (9, 9)]  # stopped after the fourth, and progress ends
    assert len(loss.seen) == 4 * 2
    assert set(torch.cat([t.flatten() for t in loss.seen]).tolist()) == set(train.targets.tolist())


def test_a_diverging_fit_raises(space):
    data = labelled(space)
    bad = Labelled(data.inputs, torch.full_like(data.targets, torch.inf))
    with pytest.raises(InputError, match="diverged"):
        untrained().fit(bad, SCHEDULE, rank_loss)


# --- which labels a member sees, and when -------------------------------------------------------------------------


class _Linear(torch.nn.Module):
    """Reads rows (B, 3) → (B,)."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, x):
        return self.layer(x).squeeze(-1)


def numbered(n):
    """Labels that are the numbers of their rows."""
    return Labelled((torch.randn(n, 1, 3, generator=_rng()),), torch.arange(float(n)))


def batches_of(n, batch, members, epochs=2, pools=None):
    """Targets (M, B) of every batch."""
    ensemble = Ensemble.untrained(_Linear, members, 0, torch.device("cpu"))
    seen = []

    def loss(prediction, target):
        seen.append(target)
        return (prediction[..., 0] - target).square().mean(-1)

    schedule = Schedule(epochs=epochs, batch=batch, learning_rate=1e-3, weight_decay=0.0, warmup=0.1, patience=1)
    ensemble.fit(numbered(n), schedule, loss, pools=pools)
    return seen


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 40), batch=st.integers(1, 50), members=st.integers(1, 3))
def test_every_label_is_seen_once_an_epoch(n, batch, members):
    seen = batches_of(n, batch, members)
    assert len(seen) % 2 == 0
    for epoch in (seen[: len(seen) // 2], seen[len(seen) // 2 :]):
        sizes = [part.shape[1] for part in epoch]
        assert max(sizes) - min(sizes) <= 1
        assert len(set(sizes)) <= 2  # one CUDA graph for each
        assert (torch.cat(epoch, dim=1).sort(dim=1).values == torch.arange(float(n))).all()
    if n > 8 and len(seen) > 2:
        assert not torch.equal(torch.cat(seen[: len(seen) // 2], 1), torch.cat(seen[len(seen) // 2 :], 1))


def test_a_member_learns_its_own_pool():
    pools = np.array([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [0, 9, 0, 9, 3]])
    together = torch.cat(batches_of(10, 2, 3, epochs=1, pools=pools), dim=1)
    assert together.sort(dim=1).values.tolist() == np.sort(pools, axis=1).tolist()


def test_all_rows_as_pools_change_nothing():
    plain = batches_of(11, 3, 2)
    pooled = batches_of(11, 3, 2, pools=np.tile(np.arange(11), (2, 1)))
    assert all(torch.equal(a, b) for a, b in zip(plain, pooled, strict=True))


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        (np.zeros((2, 3)), "whole numbers, got float64"),
        (np.zeros((3, 3), int), "rows of 2 members"),
        (np.zeros((2, 0), int), "rows of 2 members"),
        (np.array([[0, 1], [2, 10]]), "rows from 0 to 9, got 0 to 10"),
        (np.array([[0, 1], [2, -1]]), "got -1 to 2"),
    ],
)
def test_invalid_pools_are_refused(pools, message):
    with pytest.raises(InputError, match=message):
        batches_of(10, 2, 2, pools=pools)


def test_the_criterion_chooses_the_checkpoint():
    """The criterion differs from the loss."""
    data, noted = numbered(12), []

    def criterion(prediction, target):
        assert not torch.is_grad_enabled()
        noted.append(prediction.clone())
        return torch.tensor([1.0, 2.0, 0.0, 3.0][len(noted) - 1]).expand(2)

    ensemble = Ensemble.untrained(_Linear, 2, 0, torch.device("cpu"))
    ensemble.fit(
        data,
        Schedule(epochs=4, batch=4, learning_rate=0.1, weight_decay=0.0, warmup=0.1, patience=9),
        lambda prediction, target: (prediction[..., 0] - target).square().mean(-1),
        held_out=numbered(5),
        criterion=criterion,
    )
    kept = ensemble.predict((numbered(5).inputs[0].squeeze(1).double(),))
    np.testing.assert_allclose(kept, noted[2][..., 0], rtol=0, atol=1e-5)
    assert (noted[3] != noted[2]).all()


# --- unlabelled rows ------------------------------------------------------------------------------------------------


def squared(prediction, target):
    return (prediction[..., 0] - target).square().mean(-1)


def learned(unlabelled=None, members=2):
    """The weights before and after three epochs of a single batch of twelve labels."""
    ensemble = Ensemble.untrained(_Linear, members, 0, torch.device("cpu"))
    before = ensemble.weights
    ensemble.fit(numbered(12), Schedule(3, 12, 0.1, 0.01, 0.1, 1), squared, unlabelled=unlabelled)
    return before, ensemble.weights


def unlabelled_of(n=30, batch=7, weight=1.0):
    """Rows whose targets are their numbers, and the targets (M, batch) of each step."""
    seen = []

    def loss(prediction, target):
        seen.append(target)
        return weight * squared(prediction, target)

    return Unlabelled(numbered(n), batch, loss), seen


def test_each_member_learns_other_unlabelled_rows_in_each_step():
    unlabelled, seen = unlabelled_of()
    learned(unlabelled, members=3)
    assert [part.shape for part in seen] == [(3, 7)] * 3
    assert len({tuple(row.tolist()) for part in seen for row in part}) == 9
    assert len(torch.cat(seen).unique()) > 20


@pytest.mark.parametrize("members", [1, 2])
def test_the_loss_of_unlabelled_rows_is_added(members):
    """PyTorch's AdamW on the sum is the oracle."""
    unlabelled, seen = unlabelled_of(weight=0.5)
    before, after = learned(unlabelled, members)
    data, others, schedule = numbered(12), unlabelled.known, Schedule(3, 12, 0.1, 0.01, 0.1, 1)
    for member in range(members):
        net = _Linear()
        net.load_state_dict({name: value[member] for name, value in before.items()})
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.1, weight_decay=0.01)
        for rate, targets in zip(schedule.rates(12), seen, strict=True):
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            rows = targets[member].long()
            loss = (net(data.inputs[0][:, 0]) - data.targets).square().mean()
            (loss + 0.5 * (net(others.inputs[0][rows, 0]) - targets[member]).square().mean()).backward()
            optimizer.step()
        for name, value in net.state_dict().items():
            np.testing.assert_allclose(after[name][member], value, rtol=0, atol=1e-5)


def test_with_unlabelled_rows_a_fit_is_repeatable():
    weights, targets = [], []
    for _ in range(2):
        torch.rand(3)  # what others have drawn does not matter
        unlabelled, seen = unlabelled_of()
        weights.append(learned(unlabelled)[1])
        targets.append(torch.stack(seen))
    assert torch.equal(*targets)
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


@pytest.mark.parametrize(("weight", "same"), [(0.0, True), (0.1, False)])
def test_labels_are_learned_in_the_same_order_as_without_them(weight, same):
    """So a loss of 0 changes nothing."""
    _, plain = learned()
    _, both = learned(unlabelled_of(weight=weight)[0])
    assert all(torch.equal(value, both[name]) for name, value in plain.items()) is same


# --- on a GPU -----------------------------------------------------------------------------------------------------

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


class _Replayed:
    """Replaces a CUDA graph: warms up as one does, then runs the function at each call."""

    def __init__(self, function, device) -> None:
        for _ in range(3):
            function()
        self.function = function

    def __call__(self):
        return self.function()


@pytest.mark.parametrize("n", [1, 3, 4, 9, 10])
def test_captured_steps_are_the_steps(n):
    """Steps with rates and rows on the device are those with rates and rows on the CPU, in spite of the warm-up."""
    x, schedule, ends = numbered(20).inputs[0][:, 0], Schedule(4, 4, 1e-2, 0.01, 0.1, 1), []
    for capture in (None, _Replayed):
        weights = {"w": torch.ones(2, 3).requires_grad_()}

        def loss(rows, weights=weights):
            return (torch.einsum("mbk,mk->mb", x[rows], weights["w"]) - rows).square().mean(1).sum()

        steps = Steps(weights, loss, schedule, n, torch.device("cpu"), members=2, capture=capture)
        rng = np.random.default_rng(0)
        for _ in range(4):
            steps.epoch(np.stack([rng.permutation(n) for _ in range(2)]))
        ends.append(weights["w"].detach())
    np.testing.assert_allclose(*ends, rtol=0, atol=1e-7)
    assert (ends[0] != 1).all()


@on_gpu
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(("preset", "dropout"), [("fast", 0.0), ("fast", 0.2), ("paper", 0.0)])
def test_a_gpu_learns_the_same_as_a_cpu(space, members, preset, dropout):
    """Close without dropout; with it the noise differs, and the predictions are repeatable."""
    cells, labels = space.parse_many(range(30)), np.linspace(60, 90, 30)
    config = {"width": 16, "head_width": 8, "blocks": 2, "members": members, "epochs": 3, "dropout": dropout}
    means = []
    for device in ("cpu", "cuda", "cuda"):
        predictor = NarFormerV2(space, preset=preset, config=config, device=device)
        predictor.fit(cells, labels)
        means.append(predictor.predict(space.parse_many(range(300)))[0])
    assert (means[1] == means[2]).all()
    if not dropout and preset == "fast":  # the paper's loss samples a permutation
        np.testing.assert_allclose(means[0], means[1], rtol=0, atol=0.2)


@on_gpu
@pytest.mark.parametrize(("cls", "preset"), [(NarFormerV2, "fast"), (NarFormerV2, "paper"), (NarFormerV1, "fast")])
def test_predictions_on_a_gpu_do_not_depend_on_the_batch(space, cls, preset):
    predictor = cls(space, preset=preset, config={"epochs": 2}, device="cuda")
    predictor.fit(space.parse_many(range(10)), np.linspace(60, 90, 10))
    together, _ = predictor.predict(space.all())
    order = np.random.default_rng(0).permutation(space.size)
    assert (predictor.predict([space.all()[i] for i in order])[0] == together[order]).all()
    for index in range(0, space.size, 1000):
        assert predictor.predict([space.parse(index)])[0][0] == together[index]


@on_gpu
def test_early_stopping_works_on_a_gpu(space):
    predictor = NarFormerV2(space, config={"epochs": 20, "holdout": 0.3, "patience": 2}, device="cuda")
    predictor.fit(space.parse_many(range(30)), np.linspace(60, 90, 30))
    assert np.isfinite(predictor.predict(space.parse_many(range(30)))[0]).all()
