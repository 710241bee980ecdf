"""What the names of tables and columns tell of how their values move. Pure."""

import re

VOLATILE = re.compile(
    r"(^|_)(sessions?|caches?|queues?|jobs?|tasks?|te?mp|staging|stage|outbox|inbox|locks?|scratch|buffers?|tokens?|nonces?|carts?|baskets?|drafts?)(_|$)"
)
"""Names of tables that come and go: nothing is claimed of how many rows they have."""
MOVED_LATER = re.compile(
    r"updat|modif|chang|edit|last|latest|recent|current|sync|seen|refresh|touch|access|visit|login|next|expir|due|until|remind"
)
"""Names of times that what happens later may set anew: they are before nothing for good."""
BORN = re.compile(r"creat|insert|record|submit|added|regist")
"""Names of times when a row came about."""
HAPPENED = re.compile(rf"{BORN.pattern}|made|placed|logged|received|paid|posted|sent|occur|happen")
"""Names of times of what has happened: none is of next week."""
GROWING = re.compile(
    r"(^|_)(counts?|views?|hits|visits|likes|followers|following|attempts|tries|balance|version|revision|position|rank)(_|$)"
)
"""Numbers that go up from where they begin: in a young table, tenfold in a month."""
