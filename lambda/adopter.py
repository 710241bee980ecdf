"""The function that hears of AWS Backup's restores."""

from restorecheck.hosts.functions import adopter
from restorecheck.hosts.functions.invocation import invoked
from restorecheck.hosts.functions.surroundings import FunctionContext

AROUND = FunctionContext()


@invoked
def handler(event, context):
    return adopter.adopt(event, AROUND)
