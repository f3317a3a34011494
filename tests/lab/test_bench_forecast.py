from qplug.bench.forecast import Forecast
from qplug.bench.sizes import Sizes


def cases(*qubits, batch=1):
    return Sizes("pennylane-pqc", {}).cases(qubits, [2], [batch])


def test_a_candidate_that_was_never_seen_is_tried():
    (case,) = cases(10)
    assert Forecast().refusal("A", case, seconds=1e-9, memory=1) == ""


def test_a_call_that_would_take_too_long_is_skipped_with_its_forecast():
    small, large = cases(4, 10)
    forecast = Forecast()
    forecast.remember("A", small, 1.0, None)
    expected = large.work / small.work
    assert forecast.refusal("A", large, seconds=60, memory=None) == f"skipped: a call would take about {expected:.0f} s"
    assert forecast.refusal("A", large, seconds=None, memory=None) == ""
    assert forecast.refusal("B", large, seconds=60, memory=None) == ""
    assert forecast.refusal("A", small, seconds=60, memory=None) == ""


def test_of_several_forecasts_the_lowest_counts():
    small, middle, large = cases(2, 8, 10)
    forecast = Forecast()
    forecast.remember("A", small, 1.0, None)
    forecast.remember("A", middle, 1.0, None)
    assert forecast.refusal("A", large, seconds=60, memory=None) == ""


def test_a_call_that_would_fill_the_memory_is_skipped_even_by_the_patient():
    small, large = cases(12, 18, batch=32)
    forecast = Forecast()
    forecast.remember("A", small, 1e-6, 2**29)
    assert forecast.refusal("A", large, seconds=None, memory=2**34) == "skipped: it would need about 36.0 GiB of memory"
    assert forecast.refusal("A", large, seconds=None, memory=2**40) == ""


def test_memory_for_imports_and_compilation_is_not_taken_to_grow():
    small, middle, large = cases(4, 12, 18, batch=32)
    forecast = Forecast()
    forecast.remember("A", small, 1e-6, 2**28)
    forecast.remember("A", middle, 1e-6, 2**27)
    assert forecast.refusal("A", large, seconds=None, memory=2**20) == ""


def test_larger_cases_say_nothing_about_smaller_ones():
    small, large = cases(4, 10)
    forecast = Forecast()
    forecast.remember("A", large, 1000.0, 2**40)
    assert forecast.refusal("A", small, seconds=1.0, memory=2**20) == ""
