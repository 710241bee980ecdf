"""The checksum of a dump in pg_dump's directory format, of what was read to inspect it."""

import gzip
import hashlib

from restorecheck.postgres.dumpfiles.members import DirectoryMembers

ROWS = b"1\tone\n\\.\n\n\n"


def members(folder, **files):
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    return DirectoryMembers(folder, [file.name for file in folder.iterdir()])


def of_list(*contents):
    """As of several files of a storage: of the checksums of the files, a line each."""
    sums = "\n".join(hashlib.sha256(content).hexdigest() for content in contents)
    return f"sha256:{hashlib.sha256(sums.encode()).hexdigest()}"


def test_each_file_is_in_it_by_its_name(tmp_path):
    packed, other = gzip.compress(ROWS * 100_000), gzip.compress(b"\\.\n\n\n")
    found = members(tmp_path, **{"3_dat_gz": packed, "10_dat_gz": other, "toc_dat": b"PGDMP"})

    assert found.tail("3.dat.gz").endswith(ROWS[-8:])
    found.tail("10.dat.gz")

    assert found.checksum() == of_list(other, packed, b"PGDMP")


def test_what_stands_behind_the_packed_data_is_in_it(tmp_path):
    packed = gzip.compress(ROWS) + bytes(5000)
    found = members(tmp_path, **{"3_dat_gz": packed})

    found.tail("3.dat.gz")

    assert found.checksum() == of_list(packed)


def test_a_data_file_that_was_not_read_whole_leaves_none(tmp_path):
    found = members(tmp_path, **{"3_dat": ROWS, "toc_dat": b"PGDMP"})

    found.tail("3.dat")

    assert found.checksum() == ""
