"""All bugs that `make mutants` plants."""

from tests.mutants.answers import ANSWERS
from tests.mutants.aurora import AURORA
from tests.mutants.edges import EDGES
from tests.mutants.evidence import EVIDENCE
from tests.mutants.physical import PHYSICAL
from tests.mutants.planted import PLANTED
from tests.mutants.storages import STORAGES

BUGS = (*PLANTED, *ANSWERS, *PHYSICAL, *AURORA, *EDGES, *STORAGES, *EVIDENCE)
