"""Keeps the books from which the effect of pushes is told: who takes part, what they brought, what was decided."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from domain.decisions import Decision, Outcome
from domain.events import ANSWERS, Event
from domain.holdout import Member, draw_of
from domain.people import Customer, Mode
from scheduler.context.clock import zone_of
from scheduler.decide import guards
from scheduler.drafts import Draft
from storage import brands, counts, holdouts, outcomes
from storage.counts import Key
from storage.engine import Transaction
from storage.events import StoredEvent
from storage.holdouts import Newcomer, Won
from storage.outcomes import Brought, Sign

_SIGNS = {"visit": Sign.TOLD, "order": Sign.ORDER, "beacon": Sign.PLACE}


def members(tx: Transaction, people: Iterable[Customer]) -> dict[str, Member]:
    """Where each of these people stands. Test customers stand aside: nobody holds them out, and they prove nothing."""
    live = {each.id: each for each in people if each.mode is Mode.LIVE}
    known = holdouts.members(tx, list(live)) if live else {}
    return {
        id_: known.get(id_) or Member(draw=draw_of(each.brand_id, id_))
        for id_, each in live.items()
    }


def note_decisions(
    tx: Transaction, drafts: Sequence[Draft], done: Sequence[Decision], *, now: datetime
) -> None:
    """Enrols who could be spoken to for the first time, notes for whom an offer won, and counts what was decided."""
    made = {decision.moment_id: decision for decision in done}
    newcomers, won = [], []
    zones: dict[str, ZoneInfo] = {}
    for draft in drafts:
        decision, at = made.get(draft.moment.id), draft.at
        if decision is None or at is None or draft.choice is None:
            continue
        brand, member = at.ground.brand, at.known.member
        zones[brand.id] = zone_of(brand.time_zone)
        if decision.mode is not Mode.LIVE or guards.forbade(draft.choice.verdict.reasons):
            continue
        day = now.astimezone(zones[brand.id]).toordinal()
        whom = at.known.customer.id
        if not member.enrolled:
            newcomers.append(
                Newcomer(customer_id=whom, brand_id=brand.id, draw=member.draw, day=day)
            )
        if not member.said and decision.offer_id and _won(decision):
            won.append(Won(customer_id=whom, offer_id=decision.offer_id, day=day))
    holdouts.enrol(tx, newcomers, now=now)
    holdouts.note_won(tx, won)
    counts.add(tx, (_decided(each, zones.get(each.brand_id), now) for each in done))


def _won(decision: Decision) -> bool:
    """Whether the offer was said, or would have been but for the holdout."""
    ghost = any(reason.code == "holdout" for reason in decision.reasons)
    return decision.outcome is Outcome.SEND or ghost


def _decided(decision: Decision, zone: ZoneInfo | None, now: datetime) -> Key:
    return Key(
        brand_id=decision.brand_id,
        mode=decision.mode,
        day=now.astimezone(zone or UTC).toordinal(),
        what=decision.outcome,
        cause=decision.cause,
        code=decision.reasons[0].code if decision.reasons else "",
        offer=decision.offer or "",
    )


def note_events(
    tx: Transaction, taken: Sequence[StoredEvent], *, brand_id: str, mode: Mode
) -> None:
    """Books the visits and money of events, and counts the first answers of each type to a push."""
    shown = [each for each in taken if each.event.type in _SIGNS]
    answers = [
        (each.customer_id, each.event.decision_id, each.event.type)
        for each in taken
        if each.event.decision_id and each.event.type in ANSWERS
    ]
    if not (shown or answers):
        return
    zone = zone_of(brands.zone(tx, brand_id))
    if mode is Mode.LIVE:
        outcomes.add(tx, [_brought(each, zone) for each in shown])
    if answers:
        first = counts.first_answers(tx, answers)
        counts.add(tx, (_answered(each, zone) for each in first))


def note_stays(
    tx: Transaction, customer_id: str, times: Sequence[datetime], *, brand_id: str, mode: Mode
) -> None:
    """Books that a person stayed at a store at these times."""
    if not times or mode is not Mode.LIVE:
        return
    zone = zone_of(brands.zone(tx, brand_id))
    days = {at.astimezone(zone).toordinal() for at in times}
    outcomes.add(
        tx,
        [
            Brought(brand_id=brand_id, customer_id=customer_id, day=day, sign=Sign.PLACE)
            for day in sorted(days)
        ],
    )


def _brought(stored: StoredEvent, zone: ZoneInfo) -> Brought:
    event = stored.event
    from_phone = event.type == "visit" and stored.device_id is not None
    return Brought(
        brand_id=stored.brand_id,
        customer_id=stored.customer_id,
        day=event.occurred_at.astimezone(zone).toordinal(),
        sign=Sign.PLACE if from_phone else _SIGNS[event.type],
        value=_money(event) if event.type == "order" else 0.0,
    )


def _money(event: Event) -> float:
    """What was paid: the amount, else the sum of the items' prices."""
    if event.amount is not None:
        return event.amount
    return sum((item.price or 0.0) * item.quantity for item in event.items)


def _answered(answer: counts.Answered, zone: ZoneInfo) -> Key:
    """An answer counts on the day of the decision, so that a funnel is one of the same pushes."""
    return Key(
        brand_id=answer.brand_id,
        mode=answer.mode,
        day=answer.decided_at.astimezone(zone).toordinal(),
        what=answer.type,
        cause=answer.cause,
        code="",
        offer=answer.offer or "",
    )
