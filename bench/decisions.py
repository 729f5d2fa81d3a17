"""What deciding is worth where the truth is known: `python -m bench.decisions [--json] [--seed N] [--world FILE] [--quick]`

Residents with hidden rhythms, tastes, answers to weather and annoyance live some weeks under each policy, with the same visits,
ways, weather and dice. `docs/simulator.md` says what is hidden, what everybody is told, and how the oracle is defined.
"""

import logging
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import structlog

from bench.report import Table, arguments, progress, publish
from bench.world import policies
from bench.world.coverage import Coverage, coverage
from bench.world.learners import full_thompson, greedy
from bench.world.ledger import LATE, Result, result
from bench.world.live import engine
from bench.world.people import settle
from bench.world.policies import Fixed, Policy, live, silence
from bench.world.short import short
from bench.world.spec import DEFAULT, World, read
from bench.world.truth import Truth
from domain import ids
from domain.errors import Invalid
from scheduler.decide.score import Model

BASELINES: dict[str, Callable[[Truth], Policy]] = {
    "silence": lambda _truth: Fixed(silence),
    "always": policies.always,
    "first_come": policies.first_come,
    "best_static_offer": policies.best_static_offer,
    "segments": policies.segments,
    "best_hour": policies.best_hour,
    "full_thompson": full_thompson,
    "greedy": greedy,
}
# The written log-odds of a visit, four times too low and four times too high in the odds.
PRIORS = {"pessimistic": -1.4, "optimistic": 1.4}
_FEW = 60  # people in the towns in which the engine begins with wrong beliefs


def main() -> None:
    parser = arguments("What deciding is worth where the truth is known")
    parser.add_argument("--seed", type=int, default=1, help="of people, weather and dice")
    parser.add_argument("--world", type=Path, default=DEFAULT, help="a world file")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if chosen.seed < 0:
        parser.error("--seed must be 0 or more")
    try:
        world = read(chosen.world)
    except Invalid as error:
        sys.exit(str(error.detail))
    if chosen.quick:
        world = msgspec.structs.replace(
            world, people=min(world.people, 80), weeks=min(world.weeks, 6)
        )
    document = run(world, chosen.seed, quick=chosen.quick)
    tables = _tables(document, world)
    publish("decisions", tables, as_json=chosen.json, quick=chosen.quick, **document)


def run(world: World, seed: int, *, quick: bool = False) -> dict[str, Any]:
    """Every policy in one town. The engine has one process, what it is compared with another."""
    began = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        ours = pool.submit(whenabouts, world, seed)
        others = pool.submit(_others, world, seed)
        wrong = {
            name: pool.submit(_with_prior, world, seed, shift) for name, shift in PRIORS.items()
        }
        proof = pool.submit(coverage, seed, replications=240 if quick else 2400)
        results = {"whenabouts": _told("the engine", ours), **_told("the others", others)}
        beginnings = {name: _told(f"{name} beliefs", each) for name, each in wrong.items()}
        held: Coverage = _told("the intervals", proof)
    return _document(world, seed, results, beginnings, held, time.perf_counter() - began)


def _told(what: str, future: "Future[Any]") -> Any:
    found = future.result()
    progress(f"{what}: done")
    return found


def whenabouts(world: World, seed: int) -> Result:
    """What the engine brings; the process's ids follow from the seed afterwards."""
    _quiet()
    ids.follow(seed)  # they seed the lots
    return result(engine(Truth(settle(world, seed))), world.people)


def _with_prior(world: World, seed: int, shift: float) -> Result:
    few = msgspec.structs.replace(world, people=min(world.people, _FEW))
    model = Model(base=Model().base + shift)
    return result(short(Truth(settle(few, seed)), model=model), few.people)


def _others(world: World, seed: int) -> dict[str, Result]:
    truth = Truth(settle(world, seed))
    found = {
        name: result(live(truth, make(truth)), world.people) for name, make in BASELINES.items()
    }
    return {"oracle": result(policies.oracle(truth)[1], world.people), **found}


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def _document(
    world: World,
    seed: int,
    results: dict[str, Result],
    beginnings: dict[str, Result],
    held: Coverage,
    seconds: float,
) -> dict[str, Any]:
    best = results["oracle"].value
    ours = results["whenabouts"].value
    told = {name: _figures(each, best, world.people) for name, each in results.items()}
    return {
        "seed": seed,
        "world": world.name,
        "people": world.people,
        "weeks": world.weeks,
        "weeks_that_count": [LATE + 1 if world.weeks > LATE else 1, world.weeks],
        "policies": told,
        "share_of_oracle_weeks_5_8": round(ours / best, 4) if best > 0 else None,
        "rivals_with_fewer_opt_outs": _rivals(results),
        "sends_per_person_week": {
            "usual": results["whenabouts"].sends_per_person_week,
            **{name: each.sends_per_person_week for name, each in beginnings.items()},
        },
        "uplift": held._asdict(),
        "seconds": round(seconds, 1),
    }


def _figures(each: Result, best: float, people: int) -> dict[str, Any]:
    return {
        **each._asdict(),
        "value_per_1000": round(each.value / people * 1000, 2),
        "regret": round(best - each.value, 2),
    }


def _rivals(results: dict[str, Result]) -> list[str]:
    """Baselines that earn at least half of what the engine does, with fewer or as few opt-outs; none is what is wanted."""
    ours = results["whenabouts"]
    return sorted(
        name
        for name, each in results.items()
        if name in BASELINES
        and name != "silence"
        and each.value >= ours.value / 2
        and each.opt_outs <= ours.opt_outs
    )


def _tables(document: dict[str, Any], world: World) -> list[Table]:
    first, last = document["weeks_that_count"]
    policies_ = Table(
        title=f"{world.name}, seed {document['seed']}: money over silence, weeks {first} to {last}",
        columns=("policy", "value", "per 1,000", "regret", "opt-outs", "late", "pushes a week"),
        rows=tuple(
            (
                name,
                each["value"],
                each["value_per_1000"],
                each["regret"],
                each["opt_outs"],
                each["opt_outs_late"],
                each["sends"] / world.people / world.weeks,
            )
            for name, each in document["policies"].items()
        ),
        note=f"share of the oracle: {document['share_of_oracle_weeks_5_8']}; opt-outs of all weeks, and of those that count",
    )
    weeks = Table(
        title="Pushes per person and week, with beliefs as written and with wrong ones",
        columns=("beliefs", *(str(n + 1) for n in range(world.weeks))),
        rows=tuple((name, *each) for name, each in document["sends_per_person_week"].items()),
    )
    proof = Table(
        title="Intervals of the uplift",
        columns=("nominal", "covered", "planned", "replications"),
        rows=(tuple(document["uplift"].values()),),
        note="covered: the truth lies in the sequence at every weekly look; planned: at the one look set beforehand",
    )
    return [policies_, weeks, proof]


if __name__ == "__main__":
    main()
