"""The runner's pages, asked over a socket by callers of every kind."""

import http.client
import socket
import threading
from contextlib import ExitStack, closing
from http import HTTPStatus

import pytest

from restorecheck.errors import ConfigError
from restorecheck.hosts.daemon import web

pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "::1"])
OK = web.text(HTTPStatus.OK, "well")
SITE = web.fixed({"/healthz": lambda: OK})


@pytest.fixture
def port():
    with web.serving("runner.listen", "127.0.0.1:0", SITE) as port:
        yield port


def ask(port, method="GET", **headers):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, "/healthz", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:9187", "localhost", "LOCALHOST:9187", "app.localhost", "[::1]:9187", "10.1.2.3:80",
     "[::1]", socket.gethostname()],
)  # fmt: skip
def test_addresses_and_names_of_this_machine_are_answered(port, host):
    assert ask(port, Host=host) == (200, b"well\n")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9187", "localhost.evil.example", "127.0.0.1.evil.example", "a b", "", ":1"]
)  # fmt: skip
def test_a_name_that_was_led_here_is_told_nothing(port, host):
    status, said = ask(port, Host=host)

    assert status == HTTPStatus.MISDIRECTED_REQUEST
    assert b"begin runner.listen with that name" in said


def test_the_name_that_is_listened_on_is_answered():
    assert web.is_ours("Runner.Example.org:9187", web._names("runner.example.org"))


@pytest.mark.parametrize("listen", ["[::1]:0", "127.0.0.1:0"])
def test_an_address_of_either_protocol_is_listened_on(listen):
    host = listen.rpartition(":")[0]
    with web.serving("runner.pages.listen", listen, SITE) as port:
        opened = http.client.HTTPConnection(host.strip("[]"), port, timeout=5)
        opened.request("GET", "/healthz")

        assert opened.getresponse().status == 200
        opened.close()


def test_a_caller_without_a_host_is_no_browser_and_is_answered(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b"200 OK" in caller.recv(4096)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"]
)
def test_nothing_but_get_and_head_is_done(port, method):
    assert ask(port, method)[0] == HTTPStatus.NOT_IMPLEMENTED
    assert ask(port, "HEAD") == (200, b"")


def test_callers_who_say_nothing_hold_up_no_health_check_and_take_no_threads_without_end(port):
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(300):
            caller = socket.create_connection(("127.0.0.1", port), timeout=20)
            stack.enter_context(caller).sendall(b"GET /healthz HTTP/1.1\r\nX: ")

        assert ask(port) == (200, b"well\n")
        # Those that were closed for others have threads that are about to end.
        for thread in threading.enumerate()[before : -web.MOST_CONNECTIONS]:
            thread.join(5)
        assert threading.active_count() - before <= web.MOST_CONNECTIONS + 1


def test_a_caller_who_says_a_letter_now_and_then_is_cut_off(monkeypatch):
    monkeypatch.setattr(web, "REQUEST_SECONDS", 1)
    with (
        web.serving("runner.listen", "127.0.0.1:0", SITE) as port,
        socket.create_connection(("127.0.0.1", port), timeout=0.2) as caller,
    ):
        for _ in range(100):
            try:
                caller.sendall(b"G")
                if caller.recv(10) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("it could go on for ever")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def told(request):
    if request.path == "/defect":
        raise ZeroDivisionError
    return web.text(HTTPStatus.OK, f"{request.path} {dict(request.query)} {dict(request.form)}")


@pytest.fixture
def posting():
    with web.serving("runner.pages.listen", "127.0.0.1:0", web.Site(told, told)) as port:
        yield port


def send(port, method, path, body=None, headers=FORM):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read().decode()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 200),
        ("GET", "/defect", {}, 500),
        ("GET", "/", {"Host": "evil.example"}, 421),
        ("GET", "/?" + "a=1&" * 21, {}, 400),
        ("PUT", "/", {}, 501),
        ("GET", "/" + "x" * 70_000, {}, 414),
        ("POST", "/", {"Host": "evil.example", **FORM}, 421),
        ("POST", "/", {"Content-Type": "text/plain"}, 415),
        ("POST", "/", {"Sec-Fetch-Site": "cross-site", **FORM}, 403),
        ("POST", "/", {"Content-Length": "5000", **FORM}, 413),
        ("POST", "/", {"Content-Length": "9" * 5000, **FORM}, 411),
        ("POST", "/", {"Content-Length": "-1", **FORM}, 411),
        ("POST", "/", {"Sec-Fetch-Site": "same-origin", **FORM}, 200),
    ],
)
def test_every_answer_forbids_scripts_frames_and_keeping(posting, method, path, headers, status):
    answer, _ = send(posting, method, path, headers=headers)

    assert answer.status == status
    assert {name: answer.headers[name] for name in web.HEADERS} == web.HEADERS
    assert "script" not in web.HEADERS["Content-Security-Policy"]
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_form_and_a_query_are_read_as_a_browser_writes_them(posting):
    _, said = send(posting, "POST", "/a%2Fb?q=%C3%A9+x&q2=", "token=%26%3D&token=last&empty=")

    assert said == "/a%2Fb {'q': 'é x'} {'token': 'last'}\n"


def test_a_form_that_says_no_length_is_not_read(posting):
    with socket.create_connection(("127.0.0.1", posting), timeout=20) as caller:
        caller.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")

        assert b" 411 " in caller.recv(4096)


def test_a_form_that_never_ends_is_cut_off_and_holds_nobody_up(monkeypatch, posting):
    monkeypatch.setattr(web, "REQUEST_SECONDS", 1)
    with socket.create_connection(("127.0.0.1", posting), timeout=20) as caller:
        head = "\r\n".join(f"{name}: {value}" for name, value in FORM.items())
        caller.sendall(f"POST / HTTP/1.1\r\n{head}\r\nContent-Length: 9\r\n\r\ntoken".encode())

        assert send(posting, "GET", "/")[0].status == 200
        assert b"token" not in caller.recv(4096)


def test_a_port_that_is_taken_is_one_error_that_names_the_key(port):
    listen = f"127.0.0.1:{port}"

    with (
        pytest.raises(ConfigError) as caught,
        web.serving("runner.pages.listen", listen, web.Site(told)),
    ):
        pass

    (problem,) = caught.value.problems
    assert problem.path == "runner.pages.listen"
    assert problem.message == f"cannot listen on {listen}: Address already in use"
