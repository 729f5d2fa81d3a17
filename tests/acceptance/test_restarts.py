"""What a stop, a crash and a second start do to one house on SQLite: nothing acknowledged is lost, nothing is sent twice."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import requests

from tests.acceptance.processes import PATIENCE_S, Api, Fcm, House, Running, until, url_of
from tests.acceptance.shop import FAR, Fix, Phone, Shop, command, fix, walk_in

Start = Callable[[Running], Running]
CONCURRENCY = 4


def states(house: House) -> dict[str, str]:
    """Every message of the only brand with its state, as `whenabouts messages` lists them."""
    return {row["id"]: row["state"] for row in command(house, "messages", "--limit", "500")}


def ready(url: str) -> int | None:
    """What `/readyz` answers on a new connection; None where nobody does."""
    try:
        return Api(url)("GET", "/readyz").status_code
    except requests.ConnectionError:
        return None


def test_sigterm_in_mid_send_ends_cleanly_and_the_next_start_sends_the_rest(
    own_house: House, fcm: Fcm, started: Start
) -> None:
    house = own_house
    first = started(house.start(FCM_CONCURRENCY=str(CONCURRENCY)))
    shop = Shop(house, url_of(first)).furnish()
    assert ready(shop.url) == 200
    targets = [f"slow-3000-restart-{n}" for n in range(5 * CONCURRENCY)]
    walk_in(shop.phones(targets))
    until(lambda: len(states(house)) == len(targets), within_s=PATIENCE_S, what="all decisions")
    until(lambda: set(targets) & set(fcm.posts()), within_s=PATIENCE_S, what="the first POST")

    first.signal(signal.SIGTERM)
    first.signal(signal.SIGTERM)  # as from a supervisor that signals the process and its group
    while first.code is None:
        assert ready(shop.url) != 200, "it calls itself ready while it stops"
        time.sleep(0.05)

    assert first.wait(PATIENCE_S) == 0, first.log
    assert "Traceback" not in first.log
    sent_before = set(targets) & set(fcm.posts())
    assert 0 < len(sent_before) < len(targets)
    after_stop = states(house)
    assert sorted(after_stop.values()) == (
        ["queued"] * (len(targets) - len(sent_before)) + ["sent"] * len(sent_before)
    )

    second = started(house.start())
    until(
        lambda: set(states(house).values()) == {"sent"},
        within_s=PATIENCE_S,
        what="every message sent",
    )
    assert {target: fcm.posts()[target] for target in targets} == dict.fromkeys(targets, 1)
    assert second.stop() == 0


def test_a_second_signal_ends_what_hangs(own_house: House, fcm: Fcm, started: Start) -> None:
    up = started(own_house.start())
    shop = Shop(own_house, url_of(up)).furnish()
    shop.phone("hang-impatient").walk_in()
    until(
        lambda: fcm.requests(target="hang-impatient"),
        within_s=PATIENCE_S,
        what="the POST that hangs",
    )

    up.signal(signal.SIGTERM)
    time.sleep(1.5)
    assert up.code is None, "it waits for the POST under way"
    up.signal(signal.SIGTERM)

    assert up.wait(5) != 0


def test_a_kill_during_ingest_loses_no_answered_fix(own_house: House, started: Start) -> None:
    house = own_house
    first = started(house.start())
    shop = Shop(house, url_of(first)).furnish(active=False)
    phones = shop.phones(f"ingest-{n}" for n in range(8))
    killed = Event()

    with ThreadPoolExecutor(len(phones)) as pool:
        taken = [Walk(phone) for phone in phones]
        walks = [pool.submit(each.go_on, killed) for each in taken]
        until(
            lambda: all(len(each.answered) > 10 for each in taken),
            within_s=PATIENCE_S,
            what="enough fixes of everybody to tell",
        )
        first.kill()
        killed.set()
        for each in walks:
            each.result()

    second = started(house.start())
    shop.moved(url_of(second))
    for each in taken:
        each.phone.api.url = shop.url
        last = each.answered[-100:]
        receipt = each.phone.send(*last)
        assert receipt["duplicates"] == len(last), receipt
        assert (receipt["accepted"], receipt["rejected"]) == (0, [])
        if each.entered:
            assert each.phone.decision()["moment"]["cause"] == "enter"
    assert any(each.entered for each in taken)
    assert second.stop() == 0


class Walk:
    """A phone that sends fix after fix, the first far away: those that were answered 202, and whether an enter was among them."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.answered: list[Fix] = []
        self.entered = False

    def go_on(self, killed: Event) -> None:
        with suppress(requests.RequestException):
            while not killed.is_set():
                one = fix() if self.answered else fix(FAR, ago_s=1800)
                answer = self.phone.api("POST", "/v1/locations", {"fixes": [one.body()]})
                assert answer.status_code == 202, answer.text
                assert answer.json()["accepted"] == 1, answer.text
                self.answered.append(one)
                self.entered = self.entered or bool(answer.json()["transitions"])


def test_a_kill_in_mid_send_leaves_unknown_ends_that_are_never_posted_again(
    own_house: House, fcm: Fcm, started: Start
) -> None:
    house = own_house
    first = started(house.start(FCM_CONCURRENCY=str(CONCURRENCY)))
    shop = Shop(house, url_of(first)).furnish()
    targets = [f"slow-6000-killed-{n}" for n in range(2 * CONCURRENCY)]
    phones = dict(zip(targets, shop.phones(targets), strict=True))
    walk_in(phones.values())
    until(
        lambda: len(set(targets) & set(fcm.posts())) == CONCURRENCY,
        within_s=PATIENCE_S,
        what="as many POSTs under way as may be",
    )

    first.kill()
    in_flight = set(targets) & set(fcm.posts())
    second = started(house.start())
    shop.moved(url_of(second))
    up_again = time.monotonic()

    for target in in_flight:
        phones[target].api.url = shop.url
        assert phones[target].delivered(within_s=15) == ["unknown"]
    assert time.monotonic() < up_again + 15, "it waited for a lease to run out"
    until(
        lambda: (
            sorted(states(house).values()) == ["sent"] * CONCURRENCY + ["unknown"] * CONCURRENCY
        ),
        within_s=PATIENCE_S,
        what="a final state for each message",
    )
    posts = fcm.posts()
    assert {target: posts[target] for target in targets} == dict.fromkeys(targets, 1)
    assert len(command(house, "messages", "--state", "unknown")) == CONCURRENCY
    assert any("unknown" in finding["text"] for finding in command(house, "doctor"))
    assert second.stop() == 0


def test_a_second_engine_is_refused_while_commands_go_on(own_house: House, started: Start) -> None:
    house = own_house
    first = started(house.start())
    url = url_of(first)

    second = house.run("up")

    assert second.code == 1
    assert str(first.pid) in second.err
    assert "Stop it first" in second.err
    assert "PostgreSQL" in second.err
    assert "Traceback" not in second.err
    shop = Shop(house, url)
    assert house.run("brands", "list", "--json").json[0]["slug"] == shop.slug
    assert ready(url) == 200
    assert first.stop() == 0
