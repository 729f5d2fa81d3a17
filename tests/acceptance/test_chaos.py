"""Engines and senders killed again and again over one outbox: every moment decided once, nothing posted twice.

`make chaos` runs the long form.
"""

import os
import time
from collections import Counter
from pathlib import Path
from random import Random

from domain.settings import Settings
from storage.engine import Database
from tests.acceptance import outbox
from tests.acceptance.mortals import Mortal
from tests.acceptance.processes import emulator, until

MESSAGES = int(os.environ.get("CHAOS_MESSAGES", "160"))
CONCURRENCY = 8
ROLES = ("engine", "sender", "sender", "sender")
WEIGHTS = (
    1,
    5,
    5,
    5,
)  # an engine needs a second or two for its first batch, and loses all of it when it dies
TIMEOUT_S = 1.0
LEASE_S = TIMEOUT_S + 15


def test_kills_cost_at_most_the_posts_in_flight_and_double_none(
    postgres_database: Database, tmp_path: Path
) -> None:
    database, random = postgres_database, Random(7)
    outbox.fill(database, [f"phone-{n}" for n in range(MESSAGES)])
    certificate = str(tmp_path / "fcm.pem")
    with emulator(tmp_path, "--latency-ms", "120", "--tls", certificate) as fcm:
        settings = Settings(
            database_url=database.url.render_as_string(hide_password=False),
            log_level="error",
            threads=4,
            fcm_endpoint=fcm.url,
            fcm_ca_file=certificate,
            fcm_project="town",
            fcm_credentials="anonymous",
            fcm_concurrency=CONCURRENCY,
            fcm_timeout_s=TIMEOUT_S,
        )
        everybody = [Mortal(role, settings) for role in ROLES]
        kills: Counter[str] = Counter()
        deadline = time.monotonic() + 30 + MESSAGES * 0.3
        while outbox.to_come(database):
            assert time.monotonic() < deadline, "the dying outrun the work"
            time.sleep(random.uniform(0.2, 0.6))
            (victim,) = random.choices(everybody, WEIGHTS)
            victim.kill()
            kills[victim.role] += 1
            victim.start()
        for each in everybody:
            each.kill()
            kills[each.role] += 1
        heir = Mortal("sender", settings)
        until(
            lambda: set(outbox.states(database).values()) <= {"sent", "unknown"},
            within_s=LEASE_S + 10,
            what="the dead senders' messages taken over",
        )
        heir.kill()
        posts = fcm.posts()

    states = outbox.states(database)
    unknown = {target for target, state in states.items() if state == "unknown"}
    print(
        f"\n{len(states)} messages, {dict(kills)} kills, {len(unknown)} unknown, "
        f"{len(unknown - posts.keys())} of them never posted"
    )
    assert outbox.decisions(database) == len(states) == MESSAGES
    assert {target: count for target, count in posts.items() if count > 1} == {}
    assert set(states) - unknown == posts.keys() - unknown, "what is sent was posted"
    assert 0 < len(unknown) <= kills["sender"] * CONCURRENCY
