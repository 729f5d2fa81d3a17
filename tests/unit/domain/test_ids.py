"""Identifiers: ever new and growing where something serves, the same again where a simulation asks for it."""

import subprocess
import sys
from uuid import UUID

from domain.ids import new_id

_FOLLOWING = """
from domain.ids import follow, new_id
follow(int({seed}))
print(*(new_id() for _ in range(200)))
"""


def following(seed: int) -> list[str]:
    """The first ids of a process that follows the seed; one of its own, since it cannot be undone."""
    code = _FOLLOWING.format(seed=seed)
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return found.stdout.split()


def test_ids_are_new_and_grow() -> None:
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert made == sorted(made)
    assert {UUID(each).version for each in made} == {7}


def test_ids_that_follow_a_seed_are_the_same_again_and_as_good_as_others() -> None:
    one, again, other = following(3), following(3), following(4)
    assert one == again
    assert not set(one) & set(other)
    assert len(set(one)) == 200
    assert one == sorted(one)
    assert {(UUID(each).version, UUID(each).variant) for each in one} == {
        (7, UUID(new_id()).variant)
    }
