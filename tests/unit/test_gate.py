"""Who is let in when: one after the other, in the order in which they came."""

import threading

from restorecheck.hosts.daemon.gate import Gate


class Queue:
    """Threads before a gate, each of which waits until it is told to leave."""

    def __init__(self, gate):
        self.gate = gate
        self.inside: list[str] = []
        self.refused: list[str] = []
        self.threads: dict[str, threading.Thread] = {}
        self.leaving: dict[str, threading.Event] = {}
        self.changed = threading.Condition()

    def join(self, name):
        """Behind those that are there."""
        before = len(self.gate._queue) + self.gate._inside
        self.leaving[name] = threading.Event()
        self.threads[name] = threading.Thread(target=self._go, args=[name])
        self.threads[name].start()
        while len(self.gate._queue) + self.gate._inside == before:
            assert self.threads[name].is_alive()

    def leave(self, name):
        self.leaving[name].set()
        self.threads[name].join()

    def wait_for(self, *names):
        with self.changed:
            assert self.changed.wait_for(lambda: self.inside == list(names), 60), self.inside

    def _go(self, name):
        if not self.gate.enter():
            self.refused.append(name)
            return
        with self.changed:
            self.inside.append(name)
            self.changed.notify_all()
        self.leaving[name].wait()
        self.gate.leave()


def queue(limit, names):
    made = Queue(Gate(limit))
    for name in names:
        made.join(name)
    return made


def test_who_came_first_goes_in_first():
    made = queue(1, "abcd")
    made.wait_for("a")

    for number, name in enumerate("abc"):
        made.leave(name)
        made.wait_for(*"abcd"[: number + 2])

    made.leave("d")


def test_a_gate_that_is_made_wider_lets_in_as_many_more():
    made = queue(1, "abcd")
    made.wait_for("a")
    assert made.gate.waiting == 3

    made.gate.resize(3)
    made.wait_for(*"abc")

    assert made.gate.waiting == 1
    made.gate.resize(1)
    for name in "abc":
        assert made.inside == list("abc"), "nobody before there is room again"
        made.leave(name)
    made.wait_for(*"abcd")
    made.leave("d")


def test_a_gate_that_is_closed_refuses_who_waits_and_who_comes():
    made = queue(1, "abc")
    made.wait_for("a")

    made.gate.close()
    for name in "bc":
        made.threads[name].join()

    assert sorted(made.refused) == ["b", "c"]
    assert (made.gate.enter(), made.gate.waiting) == (False, 0)
    made.leave("a")
