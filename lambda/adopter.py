"""The function that hears of AWS Backup's restores."""

from restorecheck.hosts.functions import adopter
from restorecheck.hosts.functions.invocation import invoked
from restorecheck.hosts.functions.surroundings import Surroundings

AROUND = Surroundings()


@invoked
def handler(event, context):
    return adopter.adopt(event, AROUND)
