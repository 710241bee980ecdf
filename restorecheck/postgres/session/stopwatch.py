"""Measuring how long PostgreSQL's own work takes, to tell it from ours."""

import time


class Stopwatch:
    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began
