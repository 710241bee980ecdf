"""The function that writes pages for people."""

from restorecheck.hosts.functions import notifier
from restorecheck.hosts.functions.invocation import invoked
from restorecheck.hosts.functions.surroundings import FunctionContext

AROUND = FunctionContext()


@invoked
def handler(event, context):
    return notifier.publish(event, AROUND)
