"""The page that `make bench` writes of its rows."""

from typing import Any

from tests.bench.measured import Row, both, note, page, read


def row(**more):
    given: dict[str, Any] = {"part": "forms", "what": "drill", "beside": "floor", **more}
    return Row(**{"seconds": 2.0, "wall": 1.5, **given})


def test_the_page_has_each_comparison_once_as_it_was_measured_last(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_FILE", str(tmp_path / "rows"))

    note(row())
    note(row(wall=1.04, processors=1.25))
    note(row(beside="naive"))

    lines = [
        line for line in page(read(tmp_path / "rows")).splitlines() if line.startswith("| forms")
    ]
    assert lines == [
        "| forms | drill | floor | 2.00 | 1.04 | 1.25 |",
        "| forms | drill | naive | 2.00 | 1.50 |  |",
    ]


def test_nothing_is_kept_without_a_file(tmp_path, monkeypatch):
    monkeypatch.delenv("BENCH_FILE", raising=False)

    note(row())

    assert not list(tmp_path.iterdir())


def test_the_time_of_the_processors_is_that_of_the_work():
    found = both({"work": lambda: sum(range(3_000_000)), "none": lambda: None}, 1)

    assert found["work"][1] > found["none"][1]
