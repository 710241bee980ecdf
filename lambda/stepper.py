"""The function that speaks to RDS; outside of any VPC."""

from restorecheck.hosts.functions import metrics, stepper
from restorecheck.hosts.functions.invocation import invoked
from restorecheck.hosts.functions.surroundings import FunctionContext

AROUND = FunctionContext()


@invoked
def handler(event, context):
    return stepper.step(event, AROUND, finished=metrics.of_drill)
