"""The runner's pages, asked over a socket by callers of every kind."""

import http.client
import socket
import threading
from contextlib import ExitStack, closing
from http import HTTPStatus

import pytest

from restorecheck.hosts.daemon import web

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
OK = (HTTPStatus.OK, "text/plain", b"well\n")


@pytest.fixture
def port():
    with web.serving("127.0.0.1:0", {"/healthz": lambda: OK}) as port:
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
    assert said == web.MISDIRECTED


def test_the_name_that_is_listened_on_is_answered():
    assert web.is_ours("Runner.Example.org:9187", web._names("runner.example.org"))


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
        web.serving("127.0.0.1:0", {"/healthz": lambda: OK}) as port,
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
