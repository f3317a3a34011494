import time

from qplug.bench.timing import Effort, interleaved


def test_candidates_take_turns_so_that_noise_hits_all_alike():
    order = []
    steps = {name: lambda name=name: order.append(name) for name in "ABC"}
    timings = interleaved(steps, Effort(rounds=3, turn=0.0))
    assert "".join(order) == "ABCABCABC"
    assert [len(timing.calls) for timing in timings.values()] == [3, 3, 3]


def test_a_fast_call_is_repeated_until_its_turn_is_over():
    timings = interleaved({"fast": lambda: None, "slow": lambda: time.sleep(0.02)}, Effort(rounds=3, turn=0.01))
    assert len(timings["slow"].calls) == 3
    assert len(timings["fast"].calls) == 1 + 2 * 1000


def test_a_slow_candidate_stops_at_its_budget_while_others_go_on():
    timings = interleaved(
        {"slow": lambda: time.sleep(0.05), "fast": lambda: None}, Effort(budget=0.12, rounds=10, turn=0.0)
    )
    assert len(timings["slow"].calls) <= 3
    assert len(timings["fast"].calls) == 10


def test_every_candidate_is_called_at_least_once_whatever_the_budget():
    timings = interleaved({"slow": lambda: time.sleep(0.01)}, Effort(budget=0.0, rounds=5, turn=0.0))
    assert len(timings["slow"].calls) == 1
    assert timings["slow"].seconds >= 0.01


def test_the_device_is_waited_for_before_and_after_each_call():
    events = []
    interleaved({"A": lambda: events.append("call")}, Effort(rounds=2, turn=0.0), lambda: events.append("wait"))
    assert events == ["wait", "call", "wait"] * 2
