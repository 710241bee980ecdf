"""A download goes on where a connection was lost, and no wrong bytes are taken for the dump."""

import hashlib
import http.server
import io
import re
import threading
from contextlib import contextmanager
from email.message import Message

import pytest

from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError, TransientError
from restorecheck.storages.http import HttpStorage
from restorecheck.storages.s3 import S3Storage

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
CONTENT = bytes(range(256)) * 4096
ETAG = f'"{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"'


ROLE = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAOFTHEROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>r</AssumedRoleId>
<Arn>arn:aws:sts::111111111111:assumed-role/r/s</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"""
CHANGED = b"<Error><Code>PreconditionFailed</Code><Message>changed</Message></Error>"


class Shelf(http.server.BaseHTTPRequestHandler):
    """Answers as S3 and as a plain server; cuts the first answers short."""

    protocol_version = "HTTP/1.1"
    cuts = 0
    content = CONTENT
    etag = ETAG
    ranges = True
    status = 200
    elsewhere = ""
    seen: list[str]
    told: list[Message]
    """The headers of each request but AssumeRole."""

    def do_HEAD(self):
        self.told.append(self.headers)
        self._answer(b"", len(self.content))

    def do_POST(self):
        """AssumeRole of STS."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(ROLE, len(ROLE))

    def do_GET(self):
        self.told.append(self.headers)
        if "list-type=2" in self.path:
            body = (
                "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a.dump</Key>"
                f"<LastModified>2026-11-28T03:00:00Z</LastModified><ETag>{ETAG}</ETag>"
                f"<Size>{len(CONTENT)}</Size></Contents></ListBucketResult>"
            ).encode()
            return self._answer(body, len(body))
        type(self).seen.append(self.headers.get("Range", ""))
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        at = int(asked[1]) if asked and self.ranges else 0
        body = self.content[at:]
        if type(self).cuts > 0:
            type(self).cuts -= 1
            self._answer(body[: len(body) // 2], len(body), partial=bool(at))
            self.close_connection = True
            return None
        return self._answer(body, len(body), partial=bool(at))

    def _answer(self, body, length, *, partial=False):
        if self.elsewhere:
            self.send_response(302)
            self.send_header("Location", f"{self.elsewhere}{self.path}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if partial and self.status == 200 else self.status)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", self.etag)
        self.send_header("Last-Modified", "Sat, 28 Nov 2026 03:00:00 GMT")
        self.end_headers()
        return self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def serving(shelf=Shelf, **how):
    handler = type("Serving", (shelf,), {"seen": [], "told": [], **how})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield handler, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def s3(base):
    return S3Storage(path="s3://bucket/*.dump", endpoint_url=base, region="eu-central-1")


def by_http(base):
    return HttpStorage(path=f"{base}/a.dump")


@pytest.fixture(params=[s3, by_http], ids=["s3", "http"])
def storage_at(request, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return request.param


def content_of(storage, stop=lambda: False):
    (file,) = storage.files()
    to = io.BytesIO()
    storage.read(file, to, stop)
    return to.getvalue()


def test_a_download_goes_on_where_the_connection_was_lost(storage_at):
    with serving(cuts=3) as (handler, base):
        assert content_of(storage_at(base)) == CONTENT
    half, more = len(CONTENT) // 2, len(CONTENT) // 4
    assert handler.seen[:3] == ["", f"bytes={half}-", f"bytes={half + more}-"]


def test_a_connection_that_is_lost_for_good_is_an_error_that_may_pass(storage_at):
    with serving(cuts=10_000) as (_, base), pytest.raises(TransientError):
        content_of(storage_at(base))


def test_a_server_that_begins_anew_is_not_believed(storage_at):
    with serving(cuts=1, ranges=False) as (handler, base):
        handler.partial = False
        with pytest.raises(ProviderError):
            content_of(storage_at(base))


def test_content_that_changes_under_the_read_is_refused():
    with serving(cuts=1) as (handler, base):
        storage = by_http(base)
        (file,) = storage.files()
        handler.etag = '"another"'
        with pytest.raises(TransientError):
            storage.read(file, io.BytesIO(), lambda: False)


def test_bytes_that_do_not_match_the_etag_are_refused(storage_at):
    if storage_at is by_http:
        return  # an ETag of HTTP is any word
    wrong = bytes(reversed(CONTENT))
    with serving(content=wrong) as (_, base), pytest.raises(TransientError, match="ETag"):
        content_of(s3(base))


def test_a_drill_that_ends_stops_the_download(storage_at):
    with serving() as (_, base):
        assert content_of(storage_at(base), stop=lambda: True) == b""


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, AccessDeniedError), (404, NotFoundError), (503, TransientError), (418, ProviderError)],
)
def test_an_answer_of_http_has_its_error(status, error):
    with serving(status=status) as (_, base), pytest.raises(error, match=str(status)):
        content_of(by_http(base))


def test_an_object_that_changes_between_the_list_and_the_read_is_listed_again(storage_at):
    with serving() as (handler, base):
        storage = storage_at(base)
        (file,) = storage.files()
        handler.status, handler.content, handler.etag = 412, CHANGED, '"another"'
        with pytest.raises(TransientError):
            storage.read(file, io.BytesIO(), lambda: False)


def test_a_bucket_is_read_by_the_role_that_is_configured(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with serving() as (handler, base):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", base)
        role = "arn:aws:iam::111111111111:role/reader"
        storage = S3Storage(
            path="s3://b/*.dump", endpoint_url=base, region="eu-central-1", role_arn=role
        )
        assert content_of(storage) == CONTENT
    assert len(handler.told) == 2
    assert all("ASIAOFTHEROLE" in told["Authorization"] for told in handler.told)


def test_a_token_for_one_server_is_not_taken_along_to_another():
    with serving() as (other, place):
        elsewhere = place.replace("127.0.0.1", "localhost")
        with serving(elsewhere=elsewhere) as (first, base):
            HttpStorage(path=f"{base}/a.dump", headers={"X-Token": "a secret"}).files()
    assert [told["X-Token"] for told in first.told] == ["a secret"]
    assert [told["X-Token"] for told in other.told] == [None]
