"""How the simulated AWS says no: with AWS's codes."""

from restorecheck.simulated.families import INSTANCES, Family


class Refusal(Exception):  # noqa: N818  # it is an answer, and no error of ours
    """Answered with this code. Those marked (?) in the texts below were never seen on real AWS."""

    def __init__(self, code: str, message: str = "", *, status: int = 400) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.status = status


class NoReply(Exception):  # noqa: N818  # as above
    """The connection was cut, or nothing came within the client's patience."""


def no_snapshot(name: str, family: Family = INSTANCES) -> Refusal:
    return Refusal(family.no_snapshot, f"{family.snapshot} {name} not found.", status=404)


def no_owner(name: str, family: Family = INSTANCES) -> Refusal:
    return Refusal(family.no_owner, f"{family.owner} {name} not found.", status=404)


def bad_value(message: str) -> Refusal:
    return Refusal("InvalidParameterValue", message)


def bad_combination(message: str) -> Refusal:
    return Refusal("InvalidParameterCombination", message)


def bad_owner_state(message: str, family: Family = INSTANCES) -> Refusal:
    return Refusal(family.bad_owner_state, message)


def bad_snapshot_state(message: str, family: Family = INSTANCES) -> Refusal:
    return Refusal(family.bad_snapshot_state, message)
