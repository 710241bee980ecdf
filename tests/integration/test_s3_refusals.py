"""What S3 answers when credentials end in the middle, keys are missing, or the source lies."""

import base64
import io
import os
import re
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from restorecheck.errors import AccessDeniedError, ProviderError, TransientError
from restorecheck.postgres.dump.fetching import Fetched
from restorecheck.storages.s3 import S3Storage
from tests.integration.test_lost_connections import CONTENT, ETAG, Shelf, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SIZE = len(CONTENT)
NOW = datetime(2101, 1, 1, tzinfo=UTC)
PROCESS = """
import json, pathlib, sys
count = pathlib.Path(sys.argv[1])
n = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(n))
print(json.dumps({"Version": 1, "AccessKeyId": f"AKIA{n}", "SecretAccessKey": "x", "SessionToken": "y"}))
"""
EXPIRED = (
    b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
)


@pytest.fixture
def profile(tmp_path, monkeypatch):
    """Credentials of a command, which gives other ones each time."""
    (tmp_path / "process.py").write_text(PROCESS)
    config = tmp_path / "config"
    command = f"{sys.executable} {tmp_path / 'process.py'} {tmp_path / 'count'}"
    config.write_text(f"[profile night]\ncredential_process = {command}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    return "night"


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def listing(names, *, following="", size=SIZE):
    items = "".join(
        f"<Contents><Key>{name}</Key><LastModified>2026-11-28T03:00:00Z</LastModified>"
        f"<ETag>{ETAG}</ETag><Size>{size}</Size></Contents>"
        for name in names
    )
    more = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    cut = "true" if following else "false"
    return (
        f"<ListBucketResult><IsTruncated>{cut}</IsTruncated>{more}{items}</ListBucketResult>"
    ).encode()


def asked_of(handler):
    return {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}


def say(handler, body, status=200):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class ShortLived(Shelf):
    """Takes the credentials AKIA`n` for `calls` requests, and then the next ones."""

    calls = 1
    answered = 0
    last = 99

    def do_GET(self):  # noqa: N802  # http.server's
        (number,) = map(int, re.findall(r"AKIA(\d+)/", self.headers["Authorization"]))
        fits = type(self).answered // self.calls + 1 <= number <= self.last
        if not fits:
            return say(self, EXPIRED, 400)
        type(self).answered += 1
        if "list-type" not in self.path:
            return super().do_GET()
        page = int(asked_of(self).get("continuation-token", "0"))
        names = [f"shop-{page}.dump"]
        return say(self, listing(names, following=str(page + 1) if page < 2 else ""))


def storage_at(base, **keys):
    return S3Storage(path="s3://bucket/*.dump", endpoint_url=base, region="eu-central-1", **keys)


@pytest.mark.parametrize("calls", [1, 2])
def test_credentials_that_end_within_a_list_or_a_download_are_read_anew(profile, calls):
    with serving(ShortLived, calls=calls, answered=0, cuts=2) as (handler, base):
        storage = storage_at(base, profile=profile)
        files = storage.files()
        assert [file.name for file in files] == ["shop-0.dump", "shop-1.dump", "shop-2.dump"]
        to = io.BytesIO()
        storage.read(files[0], to, lambda: False)
        assert to.getvalue() == CONTENT
        assert len(handler.seen) == 3


def test_credentials_that_end_and_have_no_newer_ones_say_nothing_of_the_backup(profile):
    with serving(ShortLived, calls=1, answered=0, last=2) as (_, base):
        storage = storage_at(base, profile=profile)
        with pytest.raises(AccessDeniedError, match="the credentials have expired") as raised:
            storage.files()
        assert "profile" in raised.value.hint


class Encrypted(Shelf):
    """Objects under the key of a customer."""

    key = bytes(range(32))

    def do_GET(self):  # noqa: N802  # http.server's
        if "list-type" in self.path:
            return super().do_GET()
        came = self.headers.get("x-amz-server-side-encryption-customer-key", "")
        if not came:
            said = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
            body = f"<Error><Code>InvalidRequest</Code><Message>{said}</Message></Error>"
            return say(self, body.encode(), 400)
        if base64.b64decode(came) != self.key:
            return say(
                self, b"<Error><Code>AccessDenied</Code><Message>Denied</Message></Error>", 403
            )
        return super().do_GET()


def read(storage):
    (file,) = storage.files()
    to = io.BytesIO()
    storage.read(file, to, lambda: False)
    return to.getvalue()


def test_an_object_under_the_customers_key_is_read_with_it(keys):
    key = base64.b64encode(Encrypted.key).decode()
    with serving(Encrypted) as (handler, base):
        assert read(storage_at(base, customer_key=key)) == CONTENT
    assert all(key not in told.get("Authorization", "") for told in handler.told)


def test_an_object_under_an_unknown_key_of_the_customer_is_refused_with_words(keys):
    with serving(Encrypted) as (_, base), pytest.raises(ProviderError) as raised:
        read(storage_at(base))
    assert "customer_key" in raised.value.hint
    other = base64.b64encode(bytes(32)).decode()
    with serving(Encrypted) as (_, base), pytest.raises(AccessDeniedError) as raised:
        read(storage_at(base, customer_key=other))
    assert other not in f"{raised.value}{raised.value.hint}"


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1, 1])
def test_a_source_that_lists_another_size_is_not_believed(keys, size):
    def do_GET(self):  # noqa: N802  # http.server's
        if "list-type" in self.path:
            return say(self, listing(["a.dump"], size=size))
        return Shelf.do_GET(self)

    with serving(do_GET=do_GET) as (_, base), pytest.raises(TransientError, match="the list says"):
        read(storage_at(base))


def test_a_source_that_sends_without_end_does_not_fill_the_disk(keys, tmp_path):
    written = []

    class Counting(io.BytesIO):
        def write(self, data):
            written.append(len(data))
            return len(data)

    def do_GET(self):  # noqa: N802  # http.server's
        body = bytes(64 * 1024 * 1024)
        return say(self, listing(["a.dump"], size=10) if "list-type" in self.path else body)

    with serving(do_GET=do_GET) as (_, base):
        storage = storage_at(base)
        (file,) = storage.files()
        with pytest.raises(TransientError, match="more than"):
            storage.read(file, Counting(), lambda: False)
    assert sum(written) <= 2 * 1024 * 1024


@pytest.mark.parametrize("following", ["", "again"])
def test_a_list_that_does_not_go_on_is_an_error(keys, following):
    def do_GET(self):  # noqa: N802  # http.server's
        token = asked_of(self).get("continuation-token", "")
        body = listing(["a.dump"], following=following or ("" if token else "x"))
        return say(self, body.replace(b">false<", b">true<"))

    with (
        serving(do_GET=do_GET) as (_, base),
        pytest.raises(ProviderError, match="list is incomplete"),
    ):
        storage_at(base).files()


def test_a_bucket_with_100000_keys_is_listed_in_bounded_memory(keys, tmp_path):
    pages = 100
    read_names = []

    def do_GET(self):  # noqa: N802  # http.server's
        if "list-type" not in self.path:
            read_names.append(self.path.rpartition("/")[2].partition("?")[0])
            return Shelf.do_GET(self)
        page = int(asked_of(self).get("continuation-token", "0"))
        names = [
            f"shop/shop-{2000 + page:04}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}-{n:04}.dump"
            for n in range(1000)
        ]
        return say(self, listing(names, following=str(page + 1) if page + 1 < pages else ""))

    with serving(do_GET=do_GET) as (_, base):
        storage = S3Storage(path="s3://bucket/shop/*.dump", endpoint_url=base, region="x")
        before = psutil.Process().memory_info().rss
        files = storage.files()
        grown = psutil.Process().memory_info().rss - before
        assert len(files) == 100_000
        assert grown < 200e6, grown
        print(f"{grown / 1e6:.0f} MB")
        storage.__dict__["files"] = lambda: files
        Fetched(storage, tmp_path / "c", max_size=None, stop=threading.Event()).begin(NOW)
    assert len(read_names) == 1


WHO = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>%s</Arn><UserId>x</UserId><Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""
RESULT = """<member><EvalActionName>%s</EvalActionName><EvalResourceName>*</EvalResourceName>
<EvalDecision>%s</EvalDecision></member>"""
SIMULATED = """<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>%s</EvaluationResults>
</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"""
DENIED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>"


class Iam(Shelf):
    """STS and IAM, which know one caller."""

    caller = "arn:aws:sts::111111111111:assumed-role/reader/session"
    allowed = ("s3:PutObject",)
    asked: dict[str, list[str]]
    denied = False

    def do_POST(self):  # noqa: N802  # http.server's
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form["Action"] == ["GetCallerIdentity"]:
            return say(self, (WHO % self.caller).encode())
        self.asked.update(form)
        if self.denied:
            return say(self, DENIED, 403)
        actions = [form[name][0] for name in sorted(form) if name.startswith("ActionNames")]
        said = [(a, "allowed" if a in self.allowed else "implicitDeny") for a in actions]
        return say(self, (SIMULATED % "".join(RESULT % one for one in said)).encode())


@pytest.fixture
def iam(keys, monkeypatch):
    def at(**how):
        @contextmanager
        def opened():
            with serving(Iam, asked={}, **how) as (handler, base):
                monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", base)
                monkeypatch.setenv("AWS_ENDPOINT_URL_STS", base)
                yield handler, S3Storage(path="s3://bucket/shop/*.dump", region="eu-central-1")

        return opened()

    return at


def test_what_the_credentials_could_change_is_asked_of_iam(iam):
    with iam() as (handler, storage):
        assert storage.changes_allowed() == ["s3:PutObject"]
    assert handler.asked["PolicySourceArn"] == ["arn:aws:iam::111111111111:role/reader"]
    assert handler.asked["ResourceArns.member.1"] == ["arn:aws:s3:::bucket/shop/x"]
    assert handler.seen == []


def test_a_caller_that_may_not_ask_iam_is_told_so(iam):
    with iam(denied=True) as (_, storage), pytest.raises(AccessDeniedError):
        storage.changes_allowed()


def test_the_root_user_of_an_account_could_change_everything(iam):
    with iam(caller="arn:aws:iam::111111111111:root") as (_, storage):
        assert "s3:DeleteObject" in storage.changes_allowed()


def test_of_other_providers_nothing_is_asked(keys):
    assert storage_at("http://127.0.0.1:9").changes_allowed() is None
