"""What a job says that is to be done later."""

from datetime import timedelta


class Again(Exception):  # noqa: N818  # no error
    """Raised by a job that must be tried again after `wait`."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait
