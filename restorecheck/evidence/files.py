"""The files of an evidence pack but for its pages. Pure: a pack in, bytes out."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from restorecheck.evidence.rows import DrillRow
from restorecheck.history import sha256_of_bytes

COLUMNS = tuple(each.name for each in fields(DrillRow))
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets compute: a text of others must not."""
ZIPPED_AT = (1980, 1, 1, 0, 0, 0)
"""The same pack is the same bytes."""
LEVEL = 9


def drills_csv(rows: Iterable[DrillRow]) -> str:
    """All drills, one a line; RFC 4180, UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(row, name)) for name in COLUMNS] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> str:  # noqa: ANN401  # any column's
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def zipped(files: Mapping[str, str]) -> bytes:
    """As a ZIP that every desktop opens."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name, ZIPPED_AT)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text.encode())
    return out.getvalue()


def sums(files: Mapping[str, bytes]) -> str:
    """`SHA256SUMS`, for `sha256sum --check`."""
    return "".join(f"{sha256_of_bytes(files[name])}  {name}\n" for name in sorted(files))


HOW_TO_VERIFY = """How to verify this pack without restorecheck

1. No file was changed, removed or added:
     sha256sum --check --strict SHA256SUMS
   Every file of this folder but SHA256SUMS and SHA256SUMS.dsse is listed in it.

{signed}
3. drills.zip has every drill of the period (drills.csv), and the whole reports of the sample and of all deviations
   (reports.jsonl). The SHA-256 of each line of reports.jsonl, without its line break, is the column sha256 of the same drill:
     sed -n 1p reports.jsonl | tr -d '\\n' | sha256sum
   previous_sha256 is the hash of the report before it, of whatever target.

4. The sample is the one that its seed draws:
     printf '%s' 'SEED DRILL_ID' | sha256sum
   for every drill in drills.csv; the lowest hashes are the sample.

5. The newest hash agrees with what left the machine when it was written: messages about drills show the SHA-256 of their
   report. Ask for one that was received in the period, and find it in the column sha256.

What this pack cannot show: that restorecheck ran on the backups of production and not on others (compare the identifiers of
the backups with the backup system), and that all databases are in scope (compare with an inventory).
"""

SIGNED = """2. The list was signed with the key of this history. Compare its id with one that you did not get in this folder:
     openssl pkey -pubin -in KEY.pub -outform DER | sha256sum          (expected: {keys})
     jq -r .payload SHA256SUMS.dsse | base64 -d > statement.json
     {{ printf 'DSSEv1 28 application/vnd.in-toto+json %s ' $(wc -c < statement.json); cat statement.json; }} > signed
     jq -r '.signatures[0].sig' SHA256SUMS.dsse | base64 -d > signature
     openssl pkeyutl -verify -pubin -inkey KEY.pub -rawin -in signed -sigfile signature
     jq -r '.subject[0].digest.sha256' statement.json; sha256sum SHA256SUMS
   The two last lines are the same. Each line of signatures.jsonl (in drills.zip) has the envelope of one report, of the
   same form: DSSE with an in-toto statement on the SHA-256 of the report, which other programs verify too.
   (openssl: for an ed25519 key as written; for an ECDSA or RSA key add -digest sha256, and for RSA
   -pkeyopt rsa_padding_mode:pss.)
"""

UNSIGNED = """2. This pack is not signed: `history.sign` is not configured. SHA256SUMS shows damage, not forgery.
"""


def how_to_verify(keys: Iterable[str]) -> str:
    known = ", ".join(keys)
    signed = SIGNED.format(keys=known) if known else UNSIGNED
    return HOW_TO_VERIFY.format(signed=signed)
