"""What a budget buys, which samples, and how many shots are enough."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Forecast
from qplug.lab.hardware.budget import FEWEST_SHOTS, fit_budget, stratified_subset
from qplug.lab.hardware.shots import SHOTS, Answer, Flips, enough_shots, expected_distance, flips, noisy_draws


def cost(samples: int, shots: int) -> Forecast:
    return Forecast(samples * shots, 2 + 0.00035 * samples * shots)


def test_no_budget_is_ever_exceeded_and_none_is_wasted() -> None:
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        samples, shots = int(draw.integers(1, 2000)), int(draw.integers(1, 5000))
        budget = float(draw.uniform(0, 200))
        left = float(draw.uniform(0, 200)) if draw.random() < 0.5 else None
        fixed = {"fixed_samples": bool(draw.random() < 0.3), "fixed_shots": bool(draw.random() < 0.3)}
        rate = float(draw.uniform(1e-5, 1e-2))

        def told(n: int, each: int, rate: float = rate, left: float | None = left) -> Forecast:
            return Forecast(n * each, 2 + rate * n * each, left_seconds=left)

        most = min(budget, np.inf if left is None else left)
        try:
            plan = fit_budget(told, samples, shots, budget, **fixed)
        except UserError:
            refused += 1
            least = (
                samples if fixed["fixed_samples"] else 1,
                shots if fixed["fixed_shots"] else min(shots, FEWEST_SHOTS),
            )
            assert told(*least).seconds > most
            continue
        assert plan.forecast == told(plan.n_samples, plan.shots)
        assert plan.forecast.seconds <= most
        assert not fixed["fixed_samples"] or plan.n_samples == samples
        assert not fixed["fixed_shots"] or plan.shots == shots
        if plan.n_samples < samples:
            assert told(plan.n_samples + 1, plan.shots).seconds > most
        elif plan.shots < shots:
            assert told(plan.n_samples, plan.shots + 1).seconds > most
    assert 0 < refused < 150


def test_a_budget_takes_shots_first_and_then_samples() -> None:
    whole = fit_budget(cost, 100, 1000, 60)
    assert (whole.n_samples, whole.shots) == (100, 1000)
    fewer_shots = fit_budget(cost, 100, 4000, 60)
    assert (fewer_shots.n_samples, fewer_shots.shots) == (100, 1657)
    fewer_samples = fit_budget(cost, 5000, 4000, 60)
    assert (fewer_samples.n_samples, fewer_samples.shots) == (1294, FEWEST_SHOTS)


def test_what_cannot_be_had_is_refused_with_its_price() -> None:
    with pytest.raises(UserError, match=r"500 samples with 128 shots would take 24\.4 s .* budget is 10 s"):
        fit_budget(cost, 500, 1000, 10, fixed_samples=True)
    with pytest.raises(UserError, match=r"1 samples with 128 shots would take 9 s .* account has 5 s left"):
        fit_budget(lambda n, shots: Forecast(1, 9, left_seconds=5), 500, 1000, 10)


def test_a_subset_is_stratified_seeded_and_of_the_asked_size() -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    chosen = stratified_subset(labels, 20, seed=3)
    assert np.bincount(labels[chosen]).tolist() == [12, 6, 2]
    assert chosen.tolist() == stratified_subset(labels, 20, seed=3).tolist() == sorted(set(chosen.tolist()))
    assert chosen.tolist() != stratified_subset(labels, 20, seed=4).tolist()
    for size in range(101):
        picked = labels[stratified_subset(labels, size, seed=0)]
        assert len(picked) == size
        assert np.abs(np.bincount(picked, minlength=3) - np.array([0.6, 0.3, 0.1]) * size).max() < 1
    assert set(stratified_subset(labels, 10, 0)) <= set(stratified_subset(labels, 20, 0))


def signs(values: tuple[np.ndarray, ...]) -> np.ndarray:
    return (values[0][:, 0] > 0).astype(np.int64)


def flip_curve(exact: tuple[np.ndarray, ...], answer: Answer, shots: tuple[int, ...] = SHOTS) -> list[Flips]:
    return flips(answer(exact), lambda number: map(answer, noisy_draws(exact, number)), shots)


def test_small_margins_need_many_shots_and_wide_ones_few() -> None:
    wide, narrow = ((np.tile([[margin], [-margin]], (50, 1)),) for margin in (0.5, 0.045))
    assert enough_shots(flip_curve(wide, signs)) == 64
    curve = flip_curve(narrow, signs)
    assert enough_shots(curve) == 4096
    for point in curve:
        right = 0.5 * math.erfc(0.045 * math.sqrt(point.shots / 2))  # the tail of a normal beyond the margin
        assert abs(point.flipped - right) < 4 * math.sqrt(right * (1 - right) / 3200) + 1e-3


def test_two_circuits_are_judged_together() -> None:
    exact = (np.full((40, 1), 0.9), np.full((40, 1), -0.02))
    both = flip_curve(exact, lambda values: (values[0][:, 0] + values[1][:, 0] > 0).astype(np.int64), shots=(64,))
    second = flip_curve(exact, lambda values: (values[1][:, 0] > 0).astype(np.int64), shots=(64,))
    assert both[0].flipped == 0 < 0.3 < second[0].flipped


def test_shot_noise_explains_a_distance_that_draws_show() -> None:
    exact = np.array([[0.0, 0.6, -0.9]])
    ones = np.random.default_rng(1).binomial(400, (1 - exact) / 2, size=(4000, 3))
    seen = np.abs(1 - ones / 200 - exact).mean()
    assert abs(expected_distance((exact,), 400) / seen - 1) < 0.03
    assert expected_distance((np.array([[1.0]]),), 100) == 0
