"""Who is let in when: one after the other, the most urgent first, then in the order in which they came."""

from datetime import timedelta
from threading import Thread

from restorecheck.hosts.daemon.gate import Gate
from tests.factories import NOW


def test_a_place_goes_to_who_waited_longest():
    gate, came = Gate(1), []
    assert gate.enter()
    threads = []

    def come(number):
        gate.enter()
        came.append(number)

    for number in range(20):
        thread = Thread(target=come, args=[number])
        thread.start()
        threads.append(thread)
        while gate.waiting <= number:
            pass

    for number in range(20):
        gate.leave()
        while len(came) <= number:
            pass

    assert came == list(range(20))
    for thread in threads:
        thread.join()


def test_the_most_urgent_one_goes_first_and_nobody_is_left_behind():
    gate, came = Gate(1), []
    assert gate.enter()
    wanted = {"late": 30, "soon": 2, "overdue": -40, "also late": 30, "next": 3}

    def come(name):
        gate.enter(NOW + timedelta(hours=wanted[name]))
        came.append(name)

    threads = []
    for number, name in enumerate(wanted):
        threads.append(Thread(target=come, args=[name]))
        threads[-1].start()
        while gate.waiting <= number:
            pass

    def ask() -> None:
        gate.enter()
        came.append("asked for")

    threads.append(Thread(target=ask))
    threads[-1].start()
    while gate.waiting < 6:
        pass

    for number in range(6):
        gate.leave()
        while len(came) <= number:
            pass

    assert came == ["asked for", "overdue", "soon", "next", "late", "also late"]
    for thread in threads:
        thread.join()


def test_a_wider_gate_lets_everybody_in_at_once():
    gate = Gate(1)
    assert gate.enter()
    threads = [Thread(target=gate.enter) for _ in range(5)]
    for thread in threads:
        thread.start()
    while gate.waiting < 5:
        pass

    gate.resize(6)

    for thread in threads:
        thread.join(10)
    assert gate.waiting == 0


def test_a_closed_gate_refuses_who_waits_and_who_comes():
    gate, let_in = Gate(1), []
    assert gate.enter()
    threads = [Thread(target=lambda: let_in.append(gate.enter())) for _ in range(3)]
    for thread in threads:
        thread.start()
    while gate.waiting < len(threads):
        pass

    gate.close()

    for thread in threads:
        thread.join()
    assert (let_in, gate.enter(), gate.waiting) == ([False] * 3, False, 0)
