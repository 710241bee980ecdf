"""Measures PostgreSQL's own time, apart from restorecheck's."""

import time


class Stopwatch:
    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began
