"""Many people with a moment each that is due now, and what becomes of them, seen in the store."""

import time
from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa

from domain.decisions import Cause, Moment
from domain.ids import new_id
from domain.ledger import Statement
from domain.offers import OfferBody, OfferKind
from domain.people import Mode, Platform, Purpose, Target, TargetKind
from domain.policy import Caps, Policy
from storage import brands, consents, devices, moments, offers
from storage.devices import Install
from storage.engine import Database, Transaction
from storage.models import DecisionRow, DeviceRow, MessageRow, MomentRow

_FREELY = Policy(
    holdout_share=0, exploration=0, interruption_price=0, hold=False,
    caps=Caps(per_day=None, per_week=None),
)  # fmt: skip
_OFFER = OfferBody(kind=OfferKind.INFORMATION, title={"en": "Soup"}, body={"en": "Hot."})


def fill(database: Database, targets: list[str]) -> None:
    """A brand that sends to whoever has a moment, and one person with a phone for each target."""
    now = datetime.fromtimestamp(time.time(), UTC)

    def work(tx: Transaction) -> None:
        brand = brands.create(tx, slug="town", name="Town", time_zone="Europe/Helsinki", now=now)
        brands.save_policy(tx, brand.id, _FREELY, expected=None)
        offers.put(tx, brand_id=brand.id, external_id="soup", body=_OFFER, now=now)
        people = [_person(tx, brand.id, target, now) for target in targets]
        moments.open_many(tx, [_moment(brand.id, each, now) for each in people])

    database.write(work)


def _person(tx: Transaction, brand_id: str, target: str, now: datetime) -> str:
    install = Install(platform=Platform.ANDROID, target=Target(kind=TargetKind.TOKEN, value=target))
    device = devices.register(tx, install, brand_id=brand_id, mode=Mode.LIVE, now=now).device
    allowed = Statement(
        purpose=Purpose.PUSH,
        granted=True,
        occurred_at=now - timedelta(hours=1),
        wording="May we?",
        wording_version="1",
        locale="en",
        source="test",
    )
    consents.append(
        tx, [allowed], brand_id=brand_id, mode=Mode.LIVE, customer_id=device.customer_id, now=now
    )
    return device.customer_id


def _moment(brand_id: str, customer_id: str, now: datetime) -> Moment:
    return Moment(
        id=new_id(),
        brand_id=brand_id,
        mode=Mode.LIVE,
        customer_id=customer_id,
        cause=Cause.MANUAL,
        key="now",
        due_at=now,
        expires_at=now + timedelta(hours=1),
    )


def to_come(database: Database) -> int:
    """Moments without a decision, and messages that nobody has claimed."""
    moment = sa.select(sa.func.count()).where(MomentRow.decided_at.is_(None))
    message = sa.select(sa.func.count()).where(MessageRow.state == "queued")
    with database.read() as tx:
        return int(tx.execute(moment).scalar_one() + tx.execute(message).scalar_one())


def decisions(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(sa.select(sa.func.count()).select_from(DecisionRow)).scalar_one())


def choose_at_least_once(tx: Transaction) -> None:
    """What every brand wants from now on."""
    for brand in brands.everyone(tx):
        chosen = msgspec.structs.replace(brand.policy, at_least_once=True)
        brands.save_policy(tx, brand.id, chosen, expected=None)


def messages(database: Database) -> list[str]:
    """The state of each message, also of those whose phone is gone."""
    with database.read() as tx:
        return list(tx.execute(sa.select(MessageRow.state)).scalars())


def states(database: Database) -> dict[str, str]:
    """The state of each message, by the target of the only phone it is for."""
    query = sa.select(DeviceRow.target_value, MessageRow.state).join(
        MessageRow, MessageRow.customer_id == DeviceRow.customer_id
    )
    with database.read() as tx:
        return {row.target_value: row.state for row in tx.execute(query)}
