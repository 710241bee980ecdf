"""One bounded HTTP request. Errors name the host, never the URL: its path is often a secret."""

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from urllib.parse import urlsplit

from restorecheck import __version__
from restorecheck.errors import DeliveryError

TIMEOUT_SECONDS = 10.0
"""Seconds of one wait on the network; then the request fails."""
LIMIT_SECONDS = 30.0
"""Seconds of the whole request; a server that sends single bytes would never reach the other limit."""

GOOD = range(200, 300)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a message for one host is not sent to another."""

    def redirect_request(self, *_: object) -> None:
        return None


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Send a POST request; the answer must have a 2xx status.

    Raises:
        DeliveryError: Any other answer, or none.
    """
    host = urlsplit(url).hostname or ""
    request = urllib.request.Request(  # noqa: S310  # the configuration allows http and https only
        url,
        data=body,
        headers={"User-Agent": f"restorecheck/{__version__}", **headers},
        method="POST",
    )
    opener = urllib.request.build_opener(_NoRedirect)

    def attempt() -> None:
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                status = int(answer.status)
        except urllib.error.HTTPError as exc:
            exc.close()
            raise DeliveryError(f"{host} answered HTTP {exc.code}") from None
        except urllib.error.URLError as exc:
            raise DeliveryError(f"could not reach {host}: {_why(exc.reason)}") from None
        except TimeoutError:
            raise DeliveryError(f"{host} did not answer in time") from None
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise DeliveryError(
                f"could not send the request to {host}: {type(exc).__name__}"
            ) from None
        if status not in GOOD:
            raise DeliveryError(f"{host} answered HTTP {status}")

    bounded(attempt, LIMIT_SECONDS, f"{host} did not complete its response in time")


def _why(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return type(reason).__name__ if isinstance(reason, Exception) else "unknown"


def bounded(call: Callable[[], None], seconds: float, complaint: str) -> None:
    """Run the call; give up waiting after `seconds`.

    Raises:
        DeliveryError: It took too long; or what `call` raised.
    """
    done: Future[None] = Future()

    def run() -> None:
        try:
            call()
        except BaseException as exc:  # noqa: BLE001  # raised again below, in the other thread
            done.set_exception(exc)
        else:
            done.set_result(None)

    # A hanging thread cannot be ended; as a daemon it does not keep the process alive.
    threading.Thread(target=run, daemon=True).start()
    if not wait([done], seconds).done:
        raise DeliveryError(complaint)
    done.result()
