"""Reading real dumps without a server: every proper prefix of a dump is found to be cut."""

import bz2
import gzip
import io
import lzma
import os
import random
import shutil

import lz4.frame
import pytest
import zstandard

from restorecheck.postgres.dumpfiles import archive
from restorecheck.postgres.dumpfiles.inspect import inspect
from restorecheck.postgres.dumpfiles.layers import DamagedLayerError, open_layers
from tests import pg
from tests.reading import database

SCHEMA = r'''
set check_function_bodies = off;
create extension if not exists hstore;
create role "Odd ""owner""" nologin;
create role reader nologin;
create role "grantee, two" nologin;
create foreign data wrapper wrapper;
create server elsewhere foreign data wrapper wrapper;
create user mapping for reader server elsewhere options (password 's3cret');
create collation german (provider = libc, locale = 'C');
create table "Weird.Table" (id int primary key, "a column" text collate german);
insert into "Weird.Table" select i, E'tab\t and \\. and\nnewline ' || i from generate_series(1, 3000) i;
alter table "Weird.Table" owner to "Odd ""owner""";
grant select on "Weird.Table" to reader, "grantee, two";
create table plain_rows (t text);
insert into plain_rows values ('-- PostgreSQL database dump complete'), ('COPY x FROM stdin;'), ('\.');
create function tricky() returns text language plpgsql as $body$
begin
\connect elsewhere
COPY plain_rows FROM stdin;
-- PostgreSQL database dump complete
  return 'it' || chr(39) || 's';
end
$body$;
create function atomic() returns int begin atomic select 1; end;
comment on table plain_rows is 'two
-- PostgreSQL database dump complete
lines; GRANT ALL ON x TO nobody_at_all;';
create table empty_table (id int);
create policy own on plain_rows for select to reader using (t <> 'a;b');
alter default privileges for role "Odd ""owner""" grant select on tables to reader;
select lo_from_bytea(0, repeat('large object ', 5000)::bytea);
'''

OPTIONS = {
    "custom": ["--format=custom"],
    "custom, no compression": ["--format=custom", "--compress=0"],
    "tar": ["--format=tar"],
    "tar inserts": ["--format=tar", "--inserts"],
    "plain": [],
    "plain inserts": ["--inserts"],
    "plain create": ["--create", "--clean", "--if-exists"],
}


@pytest.fixture(scope="module", params=[str(i.major) for i in pg.installations()])
def source(request):
    (installation,) = [i for i in pg.installations() if str(i.major) == request.param][:1]
    with pg.running(installation, SCHEMA) as running:
        yield running


@pytest.fixture(scope="module")
def made(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dumps")
    dumps = {
        name: source.dump(folder / f"{number}.dump", *options)
        for number, (name, options) in enumerate(OPTIONS.items())
    }
    dumps["custom by pipe"] = source.pipe(folder / "pipe.dump", "--format=custom")
    dumps["directory"] = source.dump(folder / "dir", "--format=directory")
    return dumps


def look(path, tmp_path):
    return inspect(path, None, materialise=tmp_path)


@pytest.mark.parametrize("name", [*OPTIONS, "custom by pipe", "directory"])
def test_a_whole_dump_is_complete_and_tells_what_it_needs(made, name, tmp_path, source):
    found = look(made[name], tmp_path)

    assert found.problem == ""
    assert found.complete
    assert found.server_version == source.installation.version
    assert found.needs.extensions == ("hstore",)
    assert {'Odd "owner"', "reader", "grantee, two"} <= set(found.needs.roles)
    assert not {"nobody_at_all", "PUBLIC", "public"} & set(found.needs.roles)
    assert [c.provider for c in found.needs.collations] == ["libc"]
    assert found.needs.foreign_servers, "it could log in there"


@pytest.mark.parametrize("name", [*OPTIONS, "custom by pipe"])
def test_no_proper_prefix_of_a_dump_is_complete(made, name, tmp_path):
    whole = made[name].read_bytes()
    seed = 20260226
    chance = random.Random(seed)
    # The last bytes of plain SQL are empty lines and a comment; of tar, empty blocks.
    end = whole.rindex(b"dump complete") if name.startswith("plain") else len(whole) - 1
    lines = [i + 1 for i, byte in enumerate(whole) if byte == 10 and i < end]
    cuts = {
        1,
        5,
        20,
        end,
        *chance.sample(range(end), 40),
        *chance.sample(lines, min(40, len(lines))),
    }
    target = tmp_path / "cut.dump"
    for cut in sorted(cuts):
        target.write_bytes(whole[:cut])

        found = look(target, tmp_path)

        assert not found.complete, f"cut after {cut} of {len(whole)} bytes (seed {seed})"
        assert found.problem


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, zstandard.compress],
    ids=["gzip", "bzip2", "xz", "zstd"],
)
@pytest.mark.parametrize("name", ["custom", "plain"])
def test_no_proper_prefix_of_a_compressed_dump_is_complete(made, name, pack, tmp_path):
    whole = pack(made[name].read_bytes())
    target = tmp_path / "cut.gz"
    chance = random.Random(7)
    for cut in [len(whole) - 1, len(whole) - 8, *chance.sample(range(1, len(whole)), 12)]:
        target.write_bytes(whole[:cut])

        assert not look(target, tmp_path).complete, f"cut after {cut} of {len(whole)} bytes"

    target.write_bytes(whole)
    assert look(target, tmp_path).complete


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, zstandard.compress, lz4.frame.compress],
    ids=["gzip", "bzip2", "xz", "zstd", "lz4"],
)
def test_the_end_of_a_cut_layer_is_not_taken_for_the_end_of_the_file(pack, tmp_path):
    """Whatever is inside: not everything that is wrapped says itself where it ends."""
    whole = pack(b"PGDMP" + random.Random(5).randbytes(2995) + bytes(3000))
    file = tmp_path / "cut"
    for cut in range(len(whole) - 60, len(whole)):
        file.write_bytes(whole[:cut])

        with pytest.raises(DamagedLayerError):
            unwrapped(file)

    file.write_bytes(whole)
    assert len(unwrapped(file)) == 6000


def unwrapped(file):
    with open_layers(file, None) as layers:
        return layers.stream.read()


def test_two_compressed_streams_in_one_file_are_read_as_one(made, tmp_path):
    text = made["plain"].read_bytes()
    for pack in (gzip.compress, bz2.compress, lzma.compress, zstandard.compress):
        (tmp_path / "two").write_bytes(pack(text[:5000]) + pack(text[5000:]))

        assert look(tmp_path / "two", tmp_path).complete, pack


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_cut_data_file_of_a_directory_dump_is_found(made, cut, tmp_path):
    for file in made["directory"].iterdir():
        if file.name == "toc.dat" or file.stat().st_size < 60:
            continue
        copy = tmp_path / f"copy-{file.name}"
        shutil.copytree(made["directory"], copy)
        content = file.read_bytes()
        (copy / file.name).write_bytes(content[: int(len(content) * cut)])

        assert not look(copy, tmp_path).complete, file.name


def test_zstandards_own_reader_takes_a_cut_frame_for_the_end_of_the_file():
    """Why there is a reader of our own: should this ever fail, ours can go."""
    whole = zstandard.compress(os.urandom(400_000))
    cut = io.BytesIO(whole[:200_000])

    data = zstandard.ZstdDecompressor().stream_reader(cut).read()

    assert len(data) < 400_000


def damaged(made, name, tmp_path, change):
    content = bytearray(made[name].read_bytes())
    change(content)
    (tmp_path / "bad.dump").write_bytes(content)
    return look(tmp_path / "bad.dump", tmp_path)


@pytest.mark.parametrize("name", ["custom", "custom, no compression", "custom by pipe"])
def test_no_flipped_bit_of_the_table_of_contents_loses_data_unseen(made, name, tmp_path):
    """Whatever a bit of it becomes: the data that it names is the same, or damage is seen."""
    whole = made[name].read_bytes()
    with made[name].open("rb") as stream:
        toc = archive.read_toc(stream, len(whole), custom=True)
    wanted = {(e.dump_id, e.desc) for e in toc.entries if e.has_data}
    chance = random.Random(11)
    for _ in range(300):
        position, bit = chance.randrange(toc.start, toc.end), chance.randrange(8)
        bad = bytearray(whole)
        bad[position] ^= 1 << bit
        try:
            changed = archive.read_toc(io.BytesIO(bad), len(bad), custom=True)
            problem = archive.custom_data_problem(io.BytesIO(bad), changed, len(bad))
        except archive.DamagedArchiveError:
            continue
        found = {(e.dump_id, e.desc) for e in changed.entries if e.has_data}
        assert problem or {i for i, _ in wanted} == {i for i, _ in found}, (position, bit)


def test_a_zeroed_chunk_length_in_any_block_is_found(made, tmp_path):
    whole = made["custom, no compression"].read_bytes()
    with made["custom, no compression"].open("rb") as stream:
        toc = archive.read_toc(stream, len(whole), custom=True)
    for entry in toc.entries:
        if not entry.has_data or entry.desc != "TABLE DATA":
            continue

        def change(content, position=entry.position + 6):
            content[position : position + 5] = bytes(5)

        assert not damaged(made, "custom, no compression", tmp_path, change).complete, entry.tag


def test_a_data_file_of_inserts_cut_at_a_line_is_found(source, tmp_path):
    folder = source.dump(tmp_path / "dir", "--format=directory", "--inserts", "--compress=0")
    assert look(folder, tmp_path).complete
    largest = max(folder.glob("*.dat"), key=lambda file: file.stat().st_size)
    content = largest.read_bytes()
    for cut in (0, content.index(b"\n", len(content) // 2) + 1, content.rindex(b";") + 2):
        largest.write_bytes(content[:cut])

        assert not look(folder, tmp_path).complete, cut


def test_a_hole_in_an_lz4_data_file_is_found(source, tmp_path):
    if source.installation.major != 17:
        return  # only this one of the builds at hand compresses with lz4
    folder = source.dump(tmp_path / "dir", "--format=directory", "--compress=lz4")
    assert look(folder, tmp_path).complete
    largest = max(folder.glob("*.dat.lz4"), key=lambda file: file.stat().st_size)
    content = largest.read_bytes()
    for position in (20, len(content) // 2, len(content) - 100):
        largest.write_bytes(content[:position] + content[position + 16 :])

        assert not look(folder, tmp_path).complete, position


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), ""),
        (("--table=a",), "one table only (pg_dump -t?): table public.a"),
        (("--exclude-table-data=b",), "leaves out the rows of table public.b"),
        (("--schema-only",), "holds no rows"),
        (("--section=pre-data", "--section=data"), "no key, no index and no foreign key"),
        (("--no-unlogged-table-data",), ""),
    ],
)
@pytest.mark.parametrize("form", ["custom", "directory", "tar", "plain"])
def test_what_the_list_of_an_archive_leaves_out_is_said(source, tmp_path, form, options, said):
    text = (
        "create table a (id int primary key); insert into a values (1);"
        "create table b (id int primary key, a int references a); insert into b values (1, 1);"
        "create unlogged table u (id int); insert into u values (1);"
        "create table p (d int) partition by range (d); create table p1 partition of p for values from (0) to (9);"
    )
    with database(source, "parts", text) as name:
        path = source.dump(tmp_path / "x", f"--format={form}", *options, database=name)

    found = inspect(path, None, materialise=tmp_path)

    assert (said in " ".join(found.missing)) if said else found.missing == ()
