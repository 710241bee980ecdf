"""Recognises formats by the first bytes of a file. Pure."""

import base64
import re
import tarfile

from restorecheck.postgres.dumpfiles.streams import GZIP, LZ4, SKIPPABLE, XZ, ZSTD

HEAD = 512

MAGICS = (
    (GZIP, "gzip"),
    (ZSTD, "zstd"),
    (b"BZh", "bzip2"),
    (XZ, "xz"),
    (LZ4, "lz4"),
    (b"\x1f\x9d", "compress"),
    (b"age-encryption.org/v1", "age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age"),
    (b"-----BEGIN PGP MESSAGE-----", "gpg"),
    (b"Salted__", "openssl"),
    (b"U2FsdGVkX1", "openssl"),  # the same in base64
    (b"$ANSIBLE_VAULT;", "encrypted"),
    (b"-----BEGIN PKCS7-----", "encrypted"),
    (b"-----BEGIN CMS-----", "encrypted"),
    (b"MIME-Version: 1.0", "encrypted"),  # openssl smime and cms
    (b"AES\x02", "encrypted"),  # AES Crypt
    (b"AES\x03", "encrypted"),
    (b"scrypt\x00", "encrypted"),
    (b"\x00m\x03", "encrypted"),  # mcrypt
    (b"RCLONE\x00\x00", "encrypted"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x02\x21\x4c\x18", "legacy lz4"),
    (b"\x89LZO\x00", "lzop"),
    (b"LZIP", "lzip"),
    (b"LRZI", "lrzip"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy"),
    (b"MSCF\x00", "cab"),
    (b"07070", "cpio"),
    (b"begin 644 ", "uuencoded text"),
    (b"begin-base64 ", "base64"),
)

ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK\x03\x04")

ENVELOPED = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
"""First bytes of the DER output of `openssl smime` and `cms`: the identifier pkcs7 (RFC 5652, 14)."""

_HEADER = re.compile(rb"^-- PostgreSQL database (?:cluster )?dump\r?$", re.MULTILINE)


def packing_of(head: bytes) -> str | None:
    """The compression, encryption or container with these first bytes, except tar."""
    for magic, name in MAGICS:
        if head.startswith(magic):
            return name
    if head.startswith(SKIPPABLE):
        return "lz4" if LZ4 in head and ZSTD not in head else "zstd"
    if head.startswith(ZIP):
        return "zip with a password" if head[6:7] and head[6] & 1 else "zip"
    if _is_lzma(head):
        return "lzma"
    if _is_base64(head):
        return "base64"
    if _is_pgp(head):
        return "gpg"
    return "encrypted" if ENVELOPED in head[:20] else None


def is_archive(head: bytes) -> bool:
    """Whether it begins like an archive of pg_dump, or a tar file."""
    return head.startswith(b"PGDMP") or head[257:262] == b"ustar" or is_tar(head)


def begins_a_dump(head: bytes) -> bool:
    """Whether it begins like the first bytes of a dump."""
    return is_archive(head) or _HEADER.search(head) is not None


def is_tar(head: bytes) -> bool:
    """Whether it begins with a tar header of any version, by its checksum."""
    try:
        tarfile.TarInfo.frombuf(head[:HEAD], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


_BASE64 = re.compile(rb"[A-Za-z0-9+/]{64}")


def _is_base64(head: bytes) -> bool:
    """Whether its first 64 characters are base64 of a packed file or of a dump (RFC 4648)."""
    if _BASE64.match(head) is None:
        return False
    begun = base64.b64decode(head[:64])
    return begun.startswith((b"PGDMP", b"--\n-- PostgreSQL", *(magic for magic, _ in MAGICS)))


def _is_lzma(head: bytes) -> bool:
    """The header of the format before xz: properties, a dictionary size that is a power of two or 1.5 times one,
    the size of the content, and a first byte that is always zero.
    Source: xz, doc/lzma-file-format.txt, 1.1.
    """
    if len(head) < 14 or head[0] != 0x5D or head[13]:  # noqa: PLR2004  # lc=3, lp=0, pb=2, as all write it
        return False
    dictionary, size = (int.from_bytes(head[a:b], "little") for a, b in ((1, 5), (5, 13)))
    usual = {1 << n for n in range(12, 32)} | {3 << n for n in range(11, 31)}
    return dictionary in usual and (size == (1 << 64) - 1 or size < 1 << 48)


def _is_pgp(head: bytes) -> bool:
    """A session key comes first: packets of the tags 1 and 3, versions 3 to 6 (RFC 9580, 4.2, 5.1, 5.3)."""
    if len(head) < 6 or not head[0] & 0x80:  # noqa: PLR2004  # the longest of these headers, and a version
        return False
    if head[0] & 0x40:
        tag, start = head[0] & 0x3F, 2 if head[1] < 192 else 3  # noqa: PLR2004  # RFC 9580, 4.2.1
    else:
        tag, start = head[0] >> 2 & 0xF, {0: 2, 1: 3}.get(head[0] & 3, 0)
    return tag in {1, 3} and start > 0 and head[start] in {3, 4, 5, 6}
