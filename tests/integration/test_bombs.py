"""Files of kilobytes that unpack to gigabytes: each ends with words, in constant memory and bounded time."""

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard

from restorecheck.postgres.dumpfiles.budget import ALWAYS
from restorecheck.postgres.dumpfiles.inspect import inspect

HEAD = (
    b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 17.10\n\n"
    b"CREATE TABLE public.t (\n    a text\n);\n\nCOPY public.t (a) FROM stdin;\n"
)
MEASURED = """
import json, re, sys
from pathlib import Path
from restorecheck.postgres.dumpfiles.inspect import inspect
peak = lambda: int(re.search(r'VmHWM:\\s+([0-9]+)', open('/proc/self/status').read())[1]) // 1024
before, file = peak(), Path(sys.argv[1])
found = inspect(file, None, materialise=file.parent)
print(json.dumps([found.complete, found.unusable, found.problem, found.hint, peak() - before]))
"""
MEMORY = 48
"""Megabytes that a bomb may take: the readers' buffers and one block of a stream."""


def zstd_of(byte, count):
    """Blocks of 4 bytes that each stand for 128 KB, behind the beginning of a dump (RFC 8878, 3.1.1)."""
    head = b"\x28\xb5\x2f\xfd\x00\x70" + (len(HEAD) << 3).to_bytes(3, "little") + HEAD
    block = ((1 << 17) << 3 | 1 << 1).to_bytes(3, "little") + byte
    return head + block * count + b"\x01\x00\x00"


def in_parts(open_file, count):
    file = io.BytesIO()
    with open_file(file) as packed:
        packed.write(HEAD)
        for _ in range(count):
            packed.write(b"\n" * (1 << 24))
    return file.getvalue()


def bzip2_of(count):
    return bz2.compress(HEAD) + bz2.compress(b"\n" * 45_000_000) * count


def zip_of(method, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        packed.writestr("db.sql", content)
    return file.getvalue()


def header(name, kind, size):
    made = tarfile.TarInfo(name)
    made.type, made.size = kind, size
    return made.tobuf(tarfile.GNU_FORMAT)


def sparse():
    """A file of 30 TB in 512 bytes, the rest of it a hole."""
    block = bytearray(header("db.sql", tarfile.GNUTYPE_SPARSE, 512))
    block[386:398], block[398:410] = b"%011o\0" % 0, b"%011o\0" % 512
    block[483:495] = b"\x80" + (30 << 40).to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + HEAD.ljust(512, b"\n") + bytes(1024)


def overlapping():
    """As in a zip bomb: each entry of the list of files is the same one."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("1.dat", HEAD + b"\n" * (1 << 20))
        packed.filelist *= 50
    return file.getvalue()


def toc_of_texts():
    """The table of contents of an archive whose entries have statements of 100 MB each."""

    def number(value):
        return b"\0" + value.to_bytes(4, "little")

    def text(value):
        return number(len(value)) + value

    head = (
        b"PGDMP\x01\x10\x00\x04\x08\x01\x00" + number(0) * 3 + number(1) + number(0) + number(126)
    )
    head += number(0) + text(b"db") + text(b"17.10") + text(b"17.10") + number(1000)
    before = number(1) + number(0) + text(b"") * 2 + text(b"t") + text(b"TABLE") + number(2)
    after = text(b"") * 2 + text(b"") * 3 + number(0) + text(b"") * 2 + b"\x01\x01\0\0\0"
    entry = before + number(100_000_000), after + b"\x03" + bytes(8)
    packed = zlib.compressobj(1, wbits=31)
    out = [packed.compress(head)]
    for _ in range(14):
        out.append(packed.compress(entry[0]))
        out.extend(packed.compress(b" " * 10_000_000) for _ in range(10))
        out.append(packed.compress(entry[1]))
    return b"".join([*out, packed.flush()])


def nested(count):
    data = HEAD
    for _ in range(count):
        data = gzip.compress(data)
    return data


BOMBS = {
    "zstd": (lambda: zstd_of(b"\n", 6000), "truncated"),
    "zstd, a line without an end": (lambda: zstd_of(b"a", 9000), "a line of more than 1 GB"),
    "zstd in zstd": (lambda: zstandard.compress(zstd_of(b"\n", 100_000), 19), "100,000 times"),
    "gzip": (lambda: in_parts(lambda f: gzip.GzipFile(fileobj=f, mode="wb"), 20), "truncated"),
    "xz": (lambda: lzma.compress(HEAD + b"\n" * (1 << 28), preset=0), "truncated"),
    "bzip2": (lambda: bzip2_of(8), "truncated"),
    "bzip2 in a zip file": (lambda: zip_of(zipfile.ZIP_BZIP2, HEAD + b"\n" * (1 << 28)), "truncated"),
    "LZMA in a zip file": (lambda: zip_of(zipfile.ZIP_LZMA, HEAD), "in a manner that this version"),
    "overlapping files in a zip file": (overlapping, "overlap, as in a zip bomb"),
    "a tar header of gigabytes": (
        lambda: gzip.compress(header("x", tarfile.XHDTYPE, 1 << 28) + bytes(1 << 28), 1),
        "a header in its tar file has no end",
    ),
    "a tar header for each other": (
        lambda: gzip.compress((header("x", tarfile.GNUTYPE_LONGNAME, 1) + bytes(512)) * 5000),
        "the headers of its tar file have no end",
    ),
    "a tar file that claims exabytes": (
        lambda: header("readme", tarfile.REGTYPE, 1 << 62) + bytes(2048),
        "its tar data is corrupt",
    ),
    "a tar file of holes": (sparse, "is a sparse tar file"),
    "gzip, many times": (lambda: nested(9), "packed more than 6 times"),
}  # fmt: skip


def measured(file):
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(file)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("make", "said"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_ends_with_words_in_constant_memory(tmp_path, make, said):
    (tmp_path / "db.sql").write_bytes(make())

    complete, unusable, problem, hint, megabytes = measured(tmp_path / "db.sql")

    assert not complete
    assert said in problem
    assert bool(hint) == unusable, "what is damaged is failed; what is not known says what to do"
    assert megabytes < MEMORY


def test_a_table_of_contents_of_gigabytes_is_not_held_in_memory(tmp_path):
    (tmp_path / "db.dump").write_bytes(toc_of_texts())

    complete, unusable, problem, _, megabytes = measured(tmp_path / "db.dump")

    assert (complete, unusable) == (False, True)
    assert "the texts of its table of contents have more than 1 GB" in problem
    assert megabytes < 1300, "a gigabyte of texts, and one of them as it is read"


def test_a_zip_file_with_a_list_of_files_without_end_is_not_held_in_memory(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("a" * 60000, b"")
        packed.filelist *= 600
    (tmp_path / "db.zip").write_bytes(file.getvalue())

    complete, unusable, problem, _, megabytes = measured(tmp_path / "db.zip")

    assert (complete, unusable) == (False, True)
    assert "too many files" in problem
    assert megabytes < MEMORY + 32


def test_a_large_dictionary_of_xz_is_refused_where_memory_is_short(tmp_path, monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1 << 30))
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    (tmp_path / "db.sql.xz").write_bytes(_with_dictionary_of(1 << 30, filters))

    found = inspect(tmp_path / "db.sql.xz", None, materialise=tmp_path)

    assert found.unusable
    assert "needs more memory than is free" in found.problem


def _with_dictionary_of(size, filters):
    """The block header of a small file, made to claim a large dictionary."""
    filters[0]["dict_size"] = 1 << 12
    small = bytearray(lzma.compress(HEAD, filters=filters))
    at = small.index(b"\x21\x01\x00")  # LZMA2, one byte of properties: a dictionary of 4 KB
    small[at + 2] = 36 if size == 1 << 30 else 0
    end = 12 + (small[12] + 1) * 4
    small[end - 4 : end] = zlib.crc32(bytes(small[12 : end - 4])).to_bytes(4, "little")
    return bytes(small)


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, zstandard.compress],
    ids=["gzip", "bzip2", "xz", "zstd"],
)
def test_a_dump_of_equal_rows_that_shrinks_a_thousand_times_is_whole(tmp_path, pack):
    rows = b"the same text in each row, as in a table that nobody cleans up\n" * (1 << 16)
    end = b"\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
    packed = pack(HEAD.replace(b"COPY", b"-- Name: t; Type: TABLE; Schema: public; Owner: a\n\nCOPY")
                  + rows + end)  # fmt: skip
    assert len(rows) > 300 * len(packed)
    (tmp_path / "db.sql").write_bytes(packed)

    found = inspect(tmp_path / "db.sql", None, materialise=Path(tmp_path))

    assert (found.problem, found.complete) == ("", True)


def test_a_small_file_may_always_unpack_to_a_gigabyte(tmp_path):
    (tmp_path / "db.sql").write_bytes(zstandard.compress(zstd_of(b"\n", 8000), 19))

    found = inspect(tmp_path / "db.sql", None, materialise=tmp_path)

    assert ALWAYS > 8000 << 17 > 1_000_000 * found.size_bytes
    assert "truncated" in found.problem
