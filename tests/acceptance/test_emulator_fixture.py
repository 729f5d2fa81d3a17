"""The fixtures for users' own tests, as docs/emulator.md shows them, and scenarios over the emulator's control API."""

import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from domain.clock import ManualClock, SystemClock
from notifiers.emulator.scenario import Scenario
from notifiers.emulator.server import Emulator

pytest_plugins = ["pytester"]
DOCS = Path(__file__).parents[2] / "docs" / "emulator.md"


def send(url: str, target: str) -> requests.Response:
    message = {"message": {"token": target, "notification": {"title": "Hot soup?"}}}
    return requests.post(f"{url}/v1/projects/demo/messages:send", json=message, timeout=5)


def test_the_documented_example_runs(pytester: pytest.Pytester) -> None:
    [example] = re.findall(r"```python\n(# conftest.py.*?)```", DOCS.read_text(), re.DOTALL)
    conftest, test = example.split("# test_offers.py\n")
    pytester.makeconftest(conftest)
    pytester.makepyfile(test_offers=test)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=2)


def test_a_wrong_claim_fails_and_tells_what_was_seen(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["notifiers.emulator.pytest_plugin"]')
    pytester.makepyfile(
        """
        import requests

        MESSAGE = {"message": {"token": "phone", "notification": {"title": "Soup"}}}

        def send(fcm):
            requests.post(f"{fcm.url}/v1/projects/demo/messages:send", json=MESSAGE, timeout=5)

        def test_shown(fcm_emulator):
            send(fcm_emulator)
            fcm_emulator.assert_shown("phone", title="Cake", within_s=0.1)

        def test_silent(fcm_emulator):
            send(fcm_emulator)
            fcm_emulator.assert_silent("phone")

        def test_posted(fcm_emulator):
            send(fcm_emulator)
            fcm_emulator.assert_posted("phone", times=2)
        """
    )

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*does not show*Cake*it shows*Soup*",
            "*to stay silent*Soup*",
            "*posted to 1 times, not 2*",
        ]
    )


class TestScenarios:
    def asked(self, emulator: Emulator, **scenario: Any) -> requests.Response:
        return requests.put(f"{emulator.url}/scenario", json=scenario, timeout=5)

    def statuses(self, emulator: Emulator, many: int) -> Counter[int]:
        return Counter(send(emulator.url, f"phone-{n}").status_code for n in range(many))

    def test_a_share_of_the_messages_fails_the_same_each_time(self) -> None:
        with Emulator() as emulator:
            twice = []
            for _ in range(2):
                self.asked(emulator, error_rate=0.4, errors=["unavailable", "internal"], seed=3)
                twice.append(self.statuses(emulator, 40))

        assert twice[0] == twice[1]
        assert set(twice[0]) == {200, 500, 503}
        assert 5 <= 40 - twice[0][200] <= 30

    def test_a_quota_answers_429_with_the_time_after_which_there_is_room(self) -> None:
        clock = ManualClock(SystemClock().now())
        with Emulator(scenario=Scenario(per_minute=60), clock=clock) as emulator:
            assert self.statuses(emulator, 60)[200] == 60
            refused = send(emulator.url, "one-more")
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
            clock.advance(seconds=1)

            assert send(emulator.url, "one-more").status_code == 200

    def test_answers_take_their_time_and_end_their_connections(self) -> None:
        scenario = Scenario(latency_ms=80, goaway_every=2)
        with Emulator(scenario=scenario) as emulator, requests.Session() as client:
            began = time.monotonic()
            url = f"{emulator.url}/v1/projects/demo/messages:send"
            answers = [
                client.post(url, json={"message": {"token": f"p-{n}"}}, timeout=5) for n in range(4)
            ]
            elapsed = time.monotonic() - began

        assert [answer.headers.get("Connection") for answer in answers] == [
            None, "close", None, "close",
        ]  # fmt: skip
        assert elapsed >= 0.32

    def test_a_fair_day_comes_back(self) -> None:
        with Emulator() as emulator:
            self.asked(emulator, stall=True)
            with pytest.raises(requests.Timeout):
                requests.post(
                    f"{emulator.url}/v1/projects/demo/messages:send",
                    json={"message": {"token": "phone"}},
                    timeout=0.2,
                )
            assert requests.get(f"{emulator.url}/scenario", timeout=5).json()["stall"] is True
            requests.delete(f"{emulator.url}/scenario", timeout=5)

            assert send(emulator.url, "phone").status_code == 200

    @pytest.mark.parametrize(
        "scenario",
        [
            {"error_rate": 2},
            {"errors": []},
            {"errors": ["gremlins"]},
            {"latency_ms": 100, "latency_p95_ms": 50},
            {"per_minute": 0},
            {"goaway_every": 0},
            {"weather": "rain"},
        ],
        ids=json.dumps,
    )
    def test_a_scenario_that_makes_no_sense_is_refused(self, scenario: dict[str, Any]) -> None:
        with Emulator() as emulator:
            answer = self.asked(emulator, **scenario)

            assert answer.status_code == 400
            assert answer.json()["error"]
            assert send(emulator.url, "phone").status_code == 200
