"""How the simulated AWS says no: with AWS's codes."""


class Refusal(Exception):  # noqa: N818  # it is an answer, and no error of ours
    """Answered with this code. Those marked (?) in the texts below were never seen on real AWS."""

    def __init__(self, code: str, message: str = "", *, status: int = 400) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.status = status


class NoReply(Exception):  # noqa: N818  # as above
    """The connection was cut, or nothing came within the client's patience."""


def no_snapshot(name: str) -> Refusal:
    return Refusal("DBSnapshotNotFound", f"DBSnapshot {name} not found.", status=404)


def no_instance(name: str) -> Refusal:
    return Refusal("DBInstanceNotFound", f"DBInstance {name} not found.", status=404)


def bad_value(message: str) -> Refusal:
    return Refusal("InvalidParameterValue", message)


def bad_combination(message: str) -> Refusal:
    return Refusal("InvalidParameterCombination", message)


def bad_instance_state(message: str) -> Refusal:
    return Refusal("InvalidDBInstanceState", message)


def bad_snapshot_state(message: str) -> Refusal:
    return Refusal("InvalidDBSnapshotState", message)
