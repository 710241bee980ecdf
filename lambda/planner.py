"""The function that says what a night consists of."""

from restorecheck.hosts.functions import planner
from restorecheck.hosts.functions.invocation import invoked
from restorecheck.hosts.functions.surroundings import FunctionContext

AROUND = FunctionContext()


@invoked
def handler(event, context):
    return planner.night(event, AROUND)
