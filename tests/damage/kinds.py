"""Kinds of damage: what is done to a stopped server's files, or said to a running one.

After the list that was measured when the checks were chosen; each is one instance of its kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = 8192
HEADER = 24
LOADED_AS_REPLICA = "set session_replication_role = replica;"


@dataclass(frozen=True)
class Files:
    """A stopped server."""

    data: Path
    paths: dict[str, str]

    def path(self, of: str) -> Path:
        return self.data / self.paths[of]

    def edit(self, of: str, change: Callable[[bytearray], bytes | bytearray | None]) -> None:
        path = self.path(of)
        content = bytearray(path.read_bytes())
        changed = change(content)
        path.write_bytes(content if changed is None else changed)


@dataclass(frozen=True)
class Damage:
    name: str
    seen_by: frozenset[str]
    """Checks of which at least one must see it; empty: nobody does, and the documentation says so."""
    files: Callable[[Files], None] | None = None
    sql: str = ""
    majors: tuple[int, ...] = ()
    """Only on these; empty: everywhere."""

    def __str__(self) -> str:
        return self.name


def _seen(words: str) -> frozenset[str]:
    return frozenset(words.split())


def offline(name: str, seen_by: str, change: Callable[[Files], None]) -> Damage:
    return Damage(name, _seen(seen_by), files=change)


def online(name: str, seen_by: str, sql: str) -> Damage:
    return Damage(name, _seen(seen_by), sql=sql)


def replaced(of: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    """The first occurrence of these bytes, in place."""
    assert len(old) == len(new)

    def change(content: bytearray) -> None:
        at = content.index(old)
        content[at : at + len(old)] = new

    return lambda files: files.edit(of, change)


def zeroed(of: str, page: int) -> Callable[[Files], None]:
    """A page of nothing; counted from the end where negative."""

    def change(content: bytearray) -> None:
        first = (page if page >= 0 else len(content) // PAGE + page) * PAGE
        content[first : first + PAGE] = bytes(PAGE)

    return lambda files: files.edit(of, change)


def garbled(of: str, page: int, at: int, new: bytes) -> Callable[[Files], None]:
    def change(content: bytearray) -> None:
        content[page * PAGE + at : page * PAGE + at + len(new)] = new

    return lambda files: files.edit(of, change)


def cut(of: str, pages: int) -> Callable[[Files], None]:
    return lambda files: files.edit(of, lambda content: content[: len(content) - pages * PAGE])


def emptied(of: str) -> Callable[[Files], None]:
    return lambda files: files.edit(of, lambda _content: b"")


def gone(of: str) -> Callable[[Files], None]:
    return lambda files: files.path(of).unlink()


def misdirected(of: str, source: int, target: int) -> Callable[[Files], None]:
    def change(content: bytearray) -> None:
        content[target * PAGE : (target + 1) * PAGE] = content[source * PAGE : (source + 1) * PAGE]

    return lambda files: files.edit(of, change)


def tuple_at(content: bytearray, page: int, item: int) -> int:
    """Where the tuple of a line pointer begins, in the file."""
    pointer = page * PAGE + HEADER + 4 * item
    return page * PAGE + (int.from_bytes(content[pointer : pointer + 4], "little") & 0x7FFF)


def header_of_tuple(of: str, page: int, item: int, at: int, new: bytes) -> Callable[[Files], None]:
    def change(content: bytearray) -> None:
        first = tuple_at(content, page, item) + at
        content[first : first + len(new)] = new

    return lambda files: files.edit(of, change)


INFOMASK = 20
XMIN_FROZEN, XMIN_COMMITTED, XMAX_INVALID, XMAX_COMMITTED = 0x0300, 0x0100, 0x0800, 0x0400


def hinted(
    of: str, page: int, item: int, *, at: int, xid: bytes, clear: int, hints: int
) -> Callable[[Files], None]:
    """Another transaction in a tuple's header, and hints that say that it is settled."""

    def change(content: bytearray) -> None:
        first = tuple_at(content, page, item)
        content[first + at : first + at + 4] = xid
        mask = int.from_bytes(content[first + INFOMASK : first + INFOMASK + 2], "little")
        mask = mask & ~clear | hints
        content[first + INFOMASK : first + INFOMASK + 2] = mask.to_bytes(2, "little")

    return lambda files: files.edit(of, change)


def pointer_off(of: str, page: int, item: int) -> Callable[[Files], None]:
    def change(content: bytearray) -> None:
        pointer = page * PAGE + HEADER + 4 * item
        value = int.from_bytes(content[pointer : pointer + 4], "little")
        content[pointer : pointer + 4] = (value + 8).to_bytes(4, "little")

    return lambda files: files.edit(of, change)


def items_swapped(of: str, page: int) -> Callable[[Files], None]:
    """Two line pointers of a leaf: the order of its keys is broken."""

    def change(content: bytearray) -> None:
        first, second = (page * PAGE + HEADER + 4 * item for item in (3, 9))
        one, two = content[first : first + 4], content[second : second + 4]
        content[first : first + 4], content[second : second + 4] = two, one

    return lambda files: files.edit(of, change)


ALL = (
    offline(
        "heap: one bit of a text",
        "unchanged",
        replaced("customers", b"user77@", b"user76@"[:5] + b"7A"),
    ),
    offline(
        "heap: an invalid byte in a text",
        "unchanged",
        replaced("customers", b"user78@", b"user\xff8@"),
    ),
    offline(
        "heap: a value of an integer",
        "unchanged",
        header_of_tuple("settings", 0, 0, 32, b"K"),
    ),
    offline(
        "heap: a text's length is garbage",
        "rows_readable pages_sound unchanged",
        header_of_tuple("customers", 5, 3, 32, b"\xfc\xff\xff\x7f"),
    ),
    offline(
        "heap: xmin in the future",
        "pages_sound not_emptied unchanged",
        hinted(
            "customers",
            5,
            3,
            at=0,
            xid=b"\x00\x00\x0f\x00",
            clear=XMIN_FROZEN,
            hints=XMIN_COMMITTED,
        ),
    ),
    offline(
        "heap: a tuple marked as deleted",
        "indexes_agree pages_sound unchanged",
        hinted(
            "customers",
            5,
            3,
            at=4,
            xid=b"\x03\x00\x00\x00",
            clear=XMAX_INVALID,
            hints=XMAX_COMMITTED,
        ),
    ),
    offline(
        "heap: a page header is garbage",
        "tables_countable",
        garbled("customers", 7, 10, b"\xff\xff\xff\xff\xff\xff"),
    ),
    offline(
        "heap: pd_lower is too small",
        "indexes_agree unchanged",
        garbled("customers", 7, 12, (HEADER + 8).to_bytes(2, "little")),
    ),
    offline(
        "heap: a line pointer is off",
        "tables_countable rows_readable pages_sound indexes_agree unchanged",
        pointer_off("customers", 7, 4),
    ),
    offline(
        "heap: a zeroed page in the middle", "indexes_agree unchanged", zeroed("customers", 20)
    ),
    offline("heap: a zeroed last page", "indexes_agree unchanged", zeroed("customers", -1)),
    offline(
        "heap: a page overwritten by another",
        "pages_sound unchanged",
        misdirected("customers", 21, 20),
    ),
    offline(
        "heap: cut by ten pages", "indexes_agree tables_countable unchanged", cut("customers", 10)
    ),
    offline("heap: an empty file", "not_emptied indexes_agree", emptied("customers")),
    offline("heap: no file", "tables_countable", gone("customers")),
    offline("TOAST: one bit of a chunk", "unchanged", garbled("orders toast", 3, 4000, b"z")),
    offline("TOAST: a zeroed page", "rows_readable", zeroed("orders toast", 3)),
    offline("TOAST: cut by ten pages", "rows_readable", cut("orders toast", 10)),
    offline("B-tree: two items swapped", "pages_sound", items_swapped("customers name", 3)),
    offline("B-tree: a zeroed leaf", "pages_sound indexes_agree", zeroed("customers key", 3)),
    offline(
        "B-tree: a page header is garbage",
        "pages_sound indexes_agree",
        garbled("customers key", 3, 10, b"\xff" * 6),
    ),
    offline("B-tree: cut by five pages", "pages_sound indexes_agree", cut("customers key", 5)),
    offline("B-tree: no file", "pages_sound indexes_agree tables_countable", gone("customers key")),
    offline("GIN: a zeroed leaf", "", zeroed("orders tags", 3)),
    online(
        "a row that its index does not know",
        "pages_sound indexes_agree unchanged",
        "update pg_index set indisready = false where indexrelid = 'customers_name'::regclass; insert into customers (email, name, balance, score, joined_at) values ('lost', 'lost', 1, 1, now()); update pg_index set indisready = true where indexrelid = 'customers_name'::regclass",
    ),
    online(
        "a duplicate key, once in the index",
        "pages_sound indexes_agree unchanged",
        "update pg_index set indisready = false where indexrelid = 'customers_pkey'::regclass; insert into customers select 5, 'twin', name, balance, score, joined_at from customers where id = 5; update pg_index set indisready = true where indexrelid = 'customers_pkey'::regclass",
    ),
    online(
        "collation of another version",
        "collations_current",
        "create collation french (provider = icu, locale = 'fr');"
        " create index on customers (name collate french);"
        " update pg_collation set collversion = '1' where collname = 'french'",
    ),
    online(
        "orphaned rows",
        "references_hold unchanged",
        LOADED_AS_REPLICA + "delete from customers where id between 10 and 20",
    ),
    online(
        "orphaned rows, their constraint missing",
        "structure_same unchanged",
        "alter table orders drop constraint orders_customer_id_fkey; delete from customers where id between 10 and 20",
    ),
    online(
        "a sequence behind its column", "sequences_ahead", "select setval('customers_id_seq', 100)"
    ),
    online(
        "one row lost", "unchanged", LOADED_AS_REPLICA + "delete from customers where id = 11999"
    ),
    online(
        "one row in place of another",
        "unchanged",
        "alter table settings disable row level security; update settings set value = 'value 8' where key = 'key 7'; alter table settings enable row level security",
    ),
    online(
        "two rows have swapped a value",
        "unchanged",
        "update customers c set balance = d.balance from customers d where c.id + d.id = 15 and c.id in (7, 8)",
    ),
    online(
        "the last day is missing",
        "newest_there unchanged",
        LOADED_AS_REPLICA
        + "delete from orders where at > timestamptz '2026-02-20' - interval '1 day'",
    ),
    online(
        "a tenth of a table is missing",
        "unchanged",
        LOADED_AS_REPLICA + "delete from orders where id % 10 = 0",
    ),
    online(
        "a third of a table is missing",
        "not_shrunk unchanged",
        LOADED_AS_REPLICA + "delete from orders where id % 3 = 0",
    ),
    online(
        "a table without its rows",
        "not_emptied unchanged",
        LOADED_AS_REPLICA + "delete from orders",
    ),
    online("an unlogged table after a crash", "not_emptied unchanged", "truncate sessions"),
    online(
        "a materialized view that is not filled",
        "structure_same not_emptied",
        "refresh materialized view totals with no data",
    ),
    online(
        "a CHECK is broken",
        "constraints_hold unchanged",
        "alter table customers drop constraint customers_score_check; update customers set score = 1000 where id = 5; alter table customers add constraint customers_score_check check (score between 0 and 100) not valid; update pg_constraint set convalidated = true where conname = 'customers_score_check'",
    ),
    online(
        "a NOT NULL is broken",
        "constraints_hold unchanged",
        "update pg_attribute set attnotnull = false where attrelid = 'customers'::regclass and attname = 'name'; update customers set name = null where id = 5; update pg_attribute set attnotnull = true where attrelid = 'customers'::regclass and attname = 'name'",
    ),
    online(
        "an invalid index",
        "indexes_valid",
        "update pg_index set indisvalid = false where indexrelid = 'customers_name'::regclass",
    ),
    online("an index is gone", "structure_same", "drop index customers_name"),
    online("a table is gone", "not_emptied structure_same", "drop table settings"),
    online(
        "a column of another type",
        "structure_same",
        "alter table customers alter balance type bigint",
    ),
    online(
        "a column without its default",
        "structure_same",
        "alter table customers alter id drop default",
    ),
    online("a disabled trigger", "structure_same", "alter table orders disable trigger touched"),
    online(
        "constraint triggers are disabled",
        "structure_same",
        "alter table orders disable trigger all",
    ),
    online(
        "row security is off", "structure_same", "alter table settings disable row level security"
    ),
    online("a policy is gone", "structure_same", "drop policy everybody on settings"),
    online("an extension is gone", "structure_same", "drop extension hstore"),
    online(
        "an extension of another version",
        "structure_same",
        "update pg_extension set extversion = '0.1' where extname = 'hstore'",
    ),
    online("privileges are gone", "structure_same", "revoke select on orders from app_reader"),
    online("a role is gone", "structure_same", "drop owned by app_writer; drop role app_writer"),
    online("a role has other attributes", "structure_same", "alter role app_writer nocreatedb"),
    online("a role membership is gone", "structure_same", "revoke app_reader from app_writer"),
    online(
        "a large object is gone",
        "structure_same",
        "select lo_unlink(oid) from pg_largeobject_metadata",
    ),
    online(
        "a function with another body",
        "structure_same",
        "create or replace function touch() returns trigger language plpgsql as 'begin return null; end'",
    ),
    online(
        "a view of another text",
        "structure_same",
        "create or replace view recent as select * from orders where at > '2026-02-02'",
    ),
)
