"""Real dumps as people pack, cut, encrypt and describe them: what each file is said to be."""

import base64
import bz2
import gzip
import hashlib
import io
import lzma
import os
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile

import lz4.frame
import pytest
import zstandard

from restorecheck.postgres.dumpfiles.inspect import inspect
from restorecheck.postgres.dumpfiles.layers import Decryption
from tests import pg

SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
XOR = Decryption(
    [sys.executable, "-c",
     "import sys; sys.stdout.buffer.write(bytes(b ^ 85 for b in sys.stdin.buffer.read()))"]
)  # fmt: skip
SCHEMA = """
create table t (id int primary key, v text);
insert into t select i, md5(i::text) from generate_series(1, 2000) i;
select lo_from_bytea(0, decode(repeat('1f8b0800', 300), 'hex'));
"""


@pytest.fixture(scope="module")
def source():
    (installation,) = [i for i in pg.installations() if i.major == 17][:1]
    with pg.running(installation, SCHEMA) as running:
        yield running


@pytest.fixture(scope="module")
def made(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dumps")
    return {
        "plain": source.dump(folder / "db.sql"),
        "custom": source.dump(folder / "db.dump", "--format=custom"),
        "directory": source.dump(folder / "db", "--format=directory"),
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


def look(path, decryption=None):
    room = path.parent.parent / "room"
    room.mkdir(exist_ok=True)
    return inspect(path, decryption, materialise=room)


def put(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def zipped(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return file.getvalue()


def tarred(**files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def files_of(directory, prefix):
    return {prefix + file.name: file.read_bytes() for file in sorted(directory.iterdir())}


def compress(data):
    """What the old program writes, without what makes it smaller: each 199 codes of 9 bits are forgotten."""
    codes: list[int] = []
    for start in range(0, len(data), 199):
        piece = data[start : start + 199]
        codes += [*piece, 256] if len(piece) == 199 else piece
    bits = sum(code << 9 * number for number, code in enumerate(codes))
    return b"\x1f\x9d\x90" + bits.to_bytes((9 * len(codes) + 7) // 8, "little")


def zstd_with_window_of_2_gb(data):
    parameters = zstandard.ZstdCompressionParameters(
        window_log=31, hash_log=6, chain_log=6, strategy=zstandard.STRATEGY_FAST
    )
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return frame.compress(data) + frame.flush()


PACKS = {
    "zip": lambda d: zipped(**{"db.sql": d["plain"]}),
    "zip, packed twice": lambda d: zipped(**{"db.sql.gz": gzip.compress(d["plain"])}),
    "zip of an archive": lambda d: zipped(**{"../../x": b"1", "a/db.dump": d["custom"]}),
    "zip of an application": lambda d: zipped(
        **{"app/img.png": b"\x89PNG" + bytes(600), "db-dumps/shop.sql": d["plain"], "z.txt": b"z"}
    ),
    "zip, name without ending": lambda d: zipped(database=d["plain"]),
    "tar.gz": lambda d: gzip.compress(tarred(**{"./home/db.sql": d["plain"]})),
    "tar.zst": lambda d: zstandard.compress(tarred(**{"readme.md": b"x", "db.dump": d["custom"]})),
    "tar": lambda d: tarred(db=d["custom"]),
    "lzma": lambda d: lzma.compress(d["plain"], format=lzma.FORMAT_ALONE),
    "compress": lambda d: compress(d["plain"]),
    "lz4": lambda d: lz4.frame.compress(d["plain"]),
    "lz4, two frames": lambda d: (
        lz4.frame.compress(d["plain"][:999]) + lz4.frame.compress(d["plain"][999:])
    ),
    "zstd, large window": lambda d: zstd_with_window_of_2_gb(d["plain"]),
    "zstd, as pzstd": lambda d: (
        SKIPPABLE
        + zstandard.compress(d["plain"][:999])
        + SKIPPABLE
        + zstandard.compress(d["plain"][999:])
    ),
    "zstd, tiny frame last": lambda d: zstandard.compress(d["plain"]) + zstandard.compress(b""),
    "xz with padding": lambda d: (
        lzma.compress(d["plain"][:999]) + bytes(8) + lzma.compress(d["plain"][999:]) + bytes(4)
    ),
    "gzip, then zeros": lambda d: gzip.compress(d["plain"]) + bytes(4096),
    "bzip2, two streams": lambda d: bz2.compress(d["plain"][:999]) + bz2.compress(d["plain"][999:]),
}


@pytest.fixture(scope="module")
def contents(made):
    return {kind: made[kind].read_bytes() for kind in ("plain", "custom")}


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_what_others_can_unpack_is_read(contents, folder, pack):
    found = look(put(folder, "x", pack(contents)))

    assert (found.problem, found.complete) == ("", True)
    assert found.server_version.startswith("17")


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_what_is_packed_and_cut_is_never_whole(contents, folder, pack):
    whole = pack(contents).rstrip(b"\0")
    chance = random.Random(3)
    # A tar file ends in zeros, a dump in a comment: what matters is lost well before.
    for cut in [len(whole) - 400, *chance.sample(range(600, len(whole) - 400), 8)]:
        found = look(put(folder, "x.dump", whole[:cut]))

        assert not found.complete, cut
        assert not found.unusable, (cut, found.problem)


@pytest.mark.parametrize("prefix", ["", "./", "a/b/"])
@pytest.mark.parametrize("pack", [zipped, lambda **files: gzip.compress(tarred(**files))])
def test_a_packed_directory_format_dump_is_unpacked(made, folder, pack, prefix):
    found = look(put(folder, "x", pack(**files_of(made["directory"], prefix))))

    assert (found.problem, found.complete, found.kind) == ("", True, "directory")
    assert {f.name for f in found.unwrapped.iterdir()} == {
        f.name for f in made["directory"].iterdir()
    }


def test_a_packed_directory_format_dump_that_lacks_a_file_is_incomplete(made, folder):
    files = files_of(made["directory"], "a/")
    lost = next(name for name in files if name.endswith(".dat.gz"))
    for name in (lost, "a/toc.dat"):
        less = {key: value for key, value in files.items() if key != name}
        found = look(put(folder, "x", tarred(**less)))

        assert "is incomplete" in found.problem
        assert (found.complete, found.unusable) == (False, False)


def test_files_of_a_packed_dump_are_written_by_no_other_name_than_pg_dumps(made, folder):
    files = files_of(made["directory"], "../../../")
    found = look(
        put(folder, "x", tarred(**files, **{"../evil": b"x", "../../1.dat/../evil": b"x"}))
    )

    assert found.complete
    assert not list(folder.parent.rglob("evil"))


SPLITS = {
    "letters": (["--bytes=700"], "x.dump."),
    "numbers": (["--bytes=3K", "--numeric-suffixes", "--suffix-length=3"], "x.dump."),
    "from one": (["--bytes=3K", "--numeric-suffixes=1"], "x-part"),
    "each packed": (["--bytes=3K", "--filter=gzip > $FILE.gz"], "x.dump."),
    "each packed with zstd": (["--number=4", "--filter=gzip > $FILE.gz"], "x_"),
}


@pytest.mark.parametrize(("options", "prefix"), SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("kind", ["custom", "plain"])
def test_the_pieces_of_a_split_dump_are_joined(made, folder, kind, options, prefix):
    subprocess.run(["split", *options, str(made[kind]), str(folder / prefix)], check=True)
    pieces = sorted(folder.iterdir())
    assert len(pieces) > 3

    found = look(pieces[0])

    assert (found.problem, found.complete) == ("", True)
    assert found.size_bytes == sum(piece.stat().st_size for piece in pieces)
    pieces[2].unlink()
    assert f"the piece {pieces[2].name} is missing" in look(pieces[0]).problem


def test_the_checksums_of_pieces_are_held_against_them(made, folder):
    subprocess.run(["split", "--number=3", str(made["custom"]), str(folder / "x.")], check=True)
    text = "".join(sums(piece.name, piece.read_bytes()) for piece in sorted(folder.iterdir()))
    (folder / "SHA256SUMS").write_text(text)
    assert look(folder / "x.aa").notes == ("the checksum of 3 files of x.aa is that in SHA256SUMS",)
    piece = bytearray((folder / "x.ab").read_bytes())
    piece[len(piece) // 2] ^= 1
    put(folder, "x.ab", bytes(piece))

    assert "in SHA256SUMS" in look(folder / "x.aa").problem


def test_the_checksums_in_a_directory_format_dump_are_held_against_its_files(made, folder):
    path = shutil.copytree(made["directory"], folder / "db")
    files = sorted(path.iterdir())
    (path / "MD5SUMS").write_text(
        "".join(sums(f"./{f.name}", f.read_bytes(), "md5") for f in files)
    )
    assert look(path).notes == (f"the checksum of {len(files)} files of db is that in MD5SUMS",)
    blob = next(path.glob("blob_*"))
    blob.write_bytes(gzip.compress(b"another"))

    assert f"the MD5 of {blob.name} differs from the MD5 in MD5SUMS" in look(path).problem


def test_a_dump_beside_roles_and_what_macos_adds_is_the_only_one_in_a_zip_file(contents, folder):
    files = {
        "__MACOSX/._db.sql": b"x",
        "globals.sql": b"--\n-- PostgreSQL database cluster dump\n--\n",
    }

    found = look(put(folder, "x.zip", zipped(**files, **{"db.sql": contents["plain"]})))

    assert found.complete


def test_a_split_dump_without_its_last_piece_is_cut(made, folder):
    subprocess.run(["split", "--number=3", str(made["custom"]), str(folder / "x.")], check=True)
    (folder / "x.ac").unlink()

    assert "truncated" in look(folder / "x.aa").problem


def password(packed):
    """The flag that says so, in the header of each member and in the directory at the end."""
    data = bytearray(packed)
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(magic)
        while start >= 0:
            data[start + offset] |= 1
            start = data.find(magic, start + 1)
    return bytes(data)


def old(archive):
    return archive[:6] + b"\x0a" + archive[7:]


UNREADABLE = {
    "zip of two dumps": (
        lambda d: zipped(**{"a.sql": d["plain"], "b.sql": d["plain"]}),
        "more than one",
    ),
    "tar of two dumps": (
        lambda d: tarred(**{"a.sql": d["plain"], "b.sql": d["plain"]}),
        "more than one",
    ),
    "zip with a password": (
        lambda d: password(zipped(**{"a.sql": d["plain"]})),
        "zip with a password",
    ),
    "S/MIME": (lambda _: b"MIME-Version: 1.0\nContent-Disposition: attachment", "is encrypted"),
    "CMS": (
        lambda _: b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03" + bytes(99),
        "is encrypted",
    ),
    "zip in gzip": (
        lambda d: gzip.compress(zipped(**{"a.sql": d["plain"]})),
        "within another format",
    ),
    "base64": (lambda d: base64.encodebytes(d["custom"]), "packed as base64"),
    "base64 of gzip": (lambda d: base64.b64encode(gzip.compress(d["plain"])), "packed as base64"),
    "base64 of text": (lambda d: base64.encodebytes(d["plain"]), "packed as base64"),
    "uuencode": (lambda _: b"begin 644 x.dump\nM4$=$35`!\n", "packed as uuencoded text"),
    "7z": (lambda _: b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(99), "packed as 7z"),
    "rar": (lambda _: b"Rar!\x1a\x07\x01\x00" + bytes(99), "packed as rar"),
    "lz4, old": (lambda _: b"\x02\x21\x4c\x18" + bytes(99), "packed as legacy lz4"),
    "openssl": (lambda _: b"Salted__" + random.Random(1).randbytes(999), "is encrypted"),
    "gpg, passphrase": (lambda _: b"\x8c\x0d\x04\x09\x03\x02" + bytes(99), "is encrypted"),
    "gpg, key": (lambda _: b"\x85\x01\x0c\x03" + bytes(99), "is encrypted"),
    "gpg, new form": (lambda _: b"\xc1\xc0\x4c\x03" + bytes(99), "is encrypted"),
    "no magic": (lambda _: random.Random(1).randbytes(999), "is encrypted or of an unknown format"),
    "base backup": (
        lambda _: gzip.compress(tarred(backup_label=b"x", PG_VERSION=b"17")),
        "is a base backup",
    ),
    "WAL": (lambda _: tarred(**{"0" * 23 + "1": b"x"}), "is a base backup"),
    "EDB": (
        lambda d: d["plain"].replace(b"PostgreSQL database", b"EnterpriseDB database"),
        "EnterpriseDB",
    ),
    "before 9.0": (lambda d: old(d["custom"]), "archive version 1.10, which is older"),
    "one file": (
        lambda _: zipped(**{"x.bin": b"abc"}),
        "is not a dump by its name or its first bytes",
    ),
}


@pytest.mark.parametrize(("make", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_others_can_read_and_we_cannot_says_nothing_about_the_backup(
    contents, folder, make, said
):
    found = look(put(folder, "x.dump", make(contents)))

    assert found.unusable
    assert not found.complete
    assert said in found.problem
    assert found.hint


BAD = {
    "UTF-16": (lambda d: d["plain"].decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (lambda d: d["plain"].decode().encode("utf-16-le"), "UTF-16"),
    "archive, UTF-16": (lambda d: d["custom"].decode("latin-1").encode("utf-16"), "UTF-16"),
    "text mode": (lambda d: d["custom"].replace(b"\n", b"\r\n"), "carriage return"),
    "text mode, gzip": (
        lambda d: gzip.compress(d["plain"]).replace(b"\n", b"\r\n"),
        "carriage return",
    ),
    "gzip, then text": (
        lambda d: gzip.compress(d["plain"]) + b"hello\n",
        "after the end of its gzip",
    ),
    "xz, then text": (lambda d: lzma.compress(d["plain"]) + b"hello\n", "after the end of its xz"),
    "HTML": (lambda _: b"<!DOCTYPE html><p>404", "HTML"),
    "zeros": (lambda _: bytes(999), "zero bytes"),
    "zip of files": (
        lambda _: zipped(a=b"1", b=b"2"),
        "zip file of 2 files, none of which is a dump",
    ),
    "messages": (
        lambda d: b"pg_dump: warning: x\n" + d["custom"],
        "begins with messages",
    ),
    "a banner": (
        lambda d: b"\r\n** hello **\n" + gzip.compress(d["plain"]),
        "begins with messages",
    ),
}


@pytest.mark.parametrize(("make", "said"), BAD.values(), ids=BAD)
def test_what_nobody_can_restore_is_named(contents, folder, make, said):
    found = look(put(folder, "x.dump", make(contents)))

    assert (found.complete, found.unusable) == (False, False)
    assert said in found.problem


def test_a_backup_of_another_product_says_nothing_of_this_one(folder):
    found = look(put(folder, "x.dump", b"TAPE\x00\x00\x03\x00" + bytes(99)))

    assert (found.complete, found.unusable) == (False, True)
    assert "Microsoft SQL Server" in found.problem


def test_a_zip_file_with_a_changed_byte_is_damaged(contents, folder):
    whole = bytearray(zipped(**{"db.sql": contents["plain"]}))
    whole[len(whole) // 2] ^= 1

    found = look(put(folder, "x.zip", bytes(whole)))

    assert "is damaged" in found.problem
    assert not found.unusable


# --- encrypted ---


def encrypted(data):
    return bytes(byte ^ 85 for byte in data)


@pytest.mark.parametrize("name", ["x", "x.dump", "x.dump.gpg", "x.crypt"])
@pytest.mark.parametrize("kind", ["custom", "plain"])
def test_a_command_that_decrypts_is_used_whatever_the_name_says(contents, folder, kind, name):
    found = look(put(folder, name, encrypted(gzip.compress(contents[kind]))), XOR)

    assert found.complete
    assert found.notes == ()


@pytest.mark.parametrize("kind", ["custom", "plain"])
@pytest.mark.parametrize("name", ["x.dump", "x.dump.gpg"])
def test_a_dump_that_is_not_encrypted_is_read_as_it_is_and_told(contents, folder, kind, name):
    found = look(put(folder, name, contents[kind]), XOR)

    assert found.complete
    assert found.notes == (f"{name} is not encrypted, but decrypt is configured",)


def test_what_comes_out_of_the_command_and_is_random_may_be_due_to_the_key(folder):
    found = look(put(folder, "x.dump.enc", random.Random(1).randbytes(999)), XOR)

    assert found.unusable
    assert "was decrypted, but the result is not a dump" in found.problem


def test_a_packed_and_encrypted_dump_that_is_cut_within_is_damaged(contents, folder):
    cut = gzip.compress(encrypted(contents["custom"]))[:-100]

    found = look(put(folder, "x.enc.gz", cut), XOR)

    assert "truncated" in found.problem
    assert not found.unusable


# --- checksums ---


def sums(name, data, kind="sha256"):
    return f"{hashlib.new(kind, data).hexdigest()}  {name}\n"


SUMS = {
    "x.dump.sha256": lambda d: sums("x.dump", d),
    "x.dump.md5": lambda d: hashlib.md5(d).hexdigest(),  # noqa: S324  # as people do
    "x.dump.sha1sum": lambda d: sums("*x.dump", d, "sha1").replace("  *", " *"),
    "x.sha512": lambda d: sums("/var/backups/x.dump", d, "sha512"),
    "x.dump.b2": lambda d: sums("x.dump", d, "blake2b"),
    "SHA256SUMS": lambda d: sums("other.dump", b"") + sums("./x.dump", d),
    "MD5SUMS": lambda d: f"MD5 (x.dump) = {hashlib.md5(d).hexdigest()}\n",  # noqa: S324  # as people do
    "CHECKSUMS.txt": lambda d: f"SHA384 (x.dump) = {hashlib.sha384(d).hexdigest().upper()}\r\n",
    "x.dump.sha224": lambda d: f"SHA2-224(stdin)= {hashlib.sha224(d).hexdigest()}\n",
    "b2sums": lambda d: (
        f"BLAKE2b-256 (x.dump) = {hashlib.blake2b(d, digest_size=32).hexdigest()}\n"
    ),
}


@pytest.mark.parametrize(("name", "write"), SUMS.items(), ids=SUMS)
def test_a_checksum_beside_a_dump_is_held_against_it(contents, folder, name, write):
    data = bytearray(contents["custom"])
    (folder / name).write_text(write(bytes(data)))
    os.utime(folder / name, (1, 1))

    whole = look(put(folder, "x.dump", bytes(data)))
    data[-40] ^= 1
    changed = look(put(folder, "x.dump", bytes(data)))

    assert whole.complete
    assert whole.notes == (f"the checksum of x.dump is that in {name}",)
    assert not changed.complete
    assert f" in {name}, which is older than the dump" in changed.problem


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.dump.sha256", sums("before-compression", b"")),
        ("SHA256SUMS", sums("other.dump", b"")),
        ("x.dump.md5", "not a checksum\n"),
        ("x.md5", hashlib.md5(b"").hexdigest()),  # noqa: S324  # of x, before it became x.dump
        ("x.dump.sha256", ""),
    ],
)
def test_a_checksum_of_something_else_says_nothing(contents, folder, name, text):
    (folder / name).write_text(text)

    found = look(put(folder, "x.dump", contents["custom"]))

    assert found.complete
    assert found.notes == ()


# --- what pg_dump compresses ---


@pytest.mark.parametrize(("method", "said"), [("zstd", True), ("lz4", True), ("gzip", False)])
@pytest.mark.parametrize("form", ["custom", "directory"])
def test_an_archive_whose_data_has_no_checksum_is_told(source, folder, form, method, said):
    path = source.dump(folder / "x", f"--format={form}", f"--compress={method}")

    found = look(path)

    assert found.complete
    assert any("has no checksum" in note for note in found.notes) is said


@pytest.mark.parametrize("method", ["zstd", "lz4", "gzip"])
def test_a_large_object_that_is_a_damaged_file_itself_is_no_damage(source, folder, method):
    """It holds the beginning of a gzip file, and so what is in its data file after unpacking."""
    path = source.dump(folder / "x", "--format=directory", f"--compress={method}")

    assert any(path.glob("blob_*"))
    assert look(path).complete


@pytest.mark.parametrize("name", ["base.tar.gz", "backup_label", "PG_VERSION", "backup_manifest"])
def test_the_folder_of_a_base_backup_is_named(folder, name):
    (folder / name).write_bytes(gzip.compress(tarred(backup_label=b"x")))

    found = look(folder)

    assert found.unusable
    assert "is a base backup" in found.problem
    assert "pg_verifybackup" in found.hint
    shutil.rmtree(folder)
