"""The function that asks the restored database; in isolated subnets."""

from restorecheck.hosts.functions import checker
from restorecheck.hosts.functions.invocation import invoked, remaining
from restorecheck.hosts.functions.surroundings import FunctionContext

AROUND = FunctionContext()


@invoked
def handler(event, context):
    return checker.check(event, AROUND, lambda: remaining(context))
