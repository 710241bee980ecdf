"""The function that looks every hour for what was left, and for who is overdue."""

from restorecheck.hosts.functions import metrics, sweeper
from restorecheck.hosts.functions.invocation import invoked, remaining
from restorecheck.hosts.functions.surroundings import FunctionContext

AROUND = FunctionContext()


@invoked
def handler(event, context):
    found = sweeper.alone(AROUND, context.aws_request_id, remaining(context))
    if found is None:
        return {"skipped": True}
    metrics.of_sweep(found)
    return {"overdue": [fact.target for fact in found.overdue], "left": list(found.left)}
