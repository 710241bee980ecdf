"""Words in names of tables and columns that tell how their values change. Pure."""

import re

VOLATILE = re.compile(
    r"(^|_)(sessions?|caches?|queues?|jobs?|tasks?|te?mp|staging|stage|outbox|inbox|locks?|scratch|buffers?|tokens?|nonces?|carts?|baskets?|drafts?)(_|$)"
)
"""Names of volatile tables: their number of rows is not compared."""
MOVED_LATER = re.compile(
    r"updat|modif|chang|edit|last|latest|recent|current|sync|seen|refresh|touch|access|visit|login|next|expir|due|until|remind"
)
"""Names of times that later events may change: no other time is always later."""
BORN = re.compile(r"creat|insert|record|submit|added|regist")
"""Names of times at which a row was created."""
HAPPENED = re.compile(rf"{BORN.pattern}|made|placed|logged|received|paid|posted|sent|occur|happen")
"""Names of times of past events, which are never in the future."""
GROWING = re.compile(
    r"(^|_)(counts?|views?|hits|visits|likes|followers|following|attempts|tries|balance|version|revision|position|rank)(_|$)"
)
"""Names of numbers that grow: in a young table tenfold in a month."""
