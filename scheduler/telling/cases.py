"""What a decision rests on, as a whole that can be decided again with something changed. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from domain.context import Candidate, Context
from domain.decisions import Outcome
from domain.offers import Offer
from domain.people import Preferences
from domain.policy import Policy
from scheduler.decide import guards
from scheduler.decide.choose import Verdict, decide
from scheduler.decide.score import Model


class Case(NamedTuple):
    """The inputs of one decision. `offers` are in the revisions that the context's candidates name."""

    context: Context
    policy: Policy
    offers: tuple[Offer, ...]
    model: Model

    def verdict(self) -> Verdict:
        return decide(self.context, self.offers, self.policy, self.model)

    def sends(self) -> bool:
        return self.verdict().outcome is Outcome.SEND

    def unlooked(self) -> bool:
        """Whether nothing forbids to speak, but no offer was looked at, since something had."""
        return not self.context.candidates and not guards.on_person(self.context, self.policy)

    def pairs(self) -> Iterator[tuple[Offer, Candidate]]:
        """Each candidate with its offer."""
        by_id = {offer.id: offer for offer in self.offers}
        return ((by_id[each.offer_id], each) for each in self.context.candidates)

    def with_context(self, **changes: Any) -> "Case":
        return self._replace(context=msgspec.structs.replace(self.context, **changes))

    def with_policy(self, **changes: Any) -> "Case":
        return self._replace(policy=msgspec.structs.replace(self.policy, **changes))

    def with_preferences(self, **changes: Any) -> "Case":
        changed: Preferences = msgspec.structs.replace(self.context.preferences, **changes)
        return self.with_context(preferences=changed)

    def with_candidate(self, offer_id: str, **changes: Any) -> "Case":
        return self.with_context(
            candidates=tuple(
                msgspec.structs.replace(each, **changes) if each.offer_id == offer_id else each
                for each in self.context.candidates
            )
        )

    def with_offer(self, offer_id: str, change: Callable[[Offer], Offer]) -> "Case":
        changed = (change(each) if each.id == offer_id else each for each in self.offers)
        return self._replace(offers=tuple(changed))


class Change(NamedTuple):
    """One thing that could have been otherwise: a condition by its name in the catalogues, its arguments, and how it is done.

    `offer` is the id of the only offer it bears on, if so; `inside` holds for what only the brand may read.
    """

    name: str
    make: Callable[[Case], Case]
    args: dict[str, Any] = {}
    offer: str | None = None
    inside: bool = False


def changed(case: Case, changes: Iterable[Change]) -> Case:
    """The case with all of these changes made."""
    for change in changes:
        case = change.make(case)
    return case


def edited(**changes: Any) -> Callable[[Offer], Offer]:
    """An offer with other fields of its body."""
    return lambda offer: msgspec.structs.replace(
        offer, body=msgspec.structs.replace(offer.body, **changes)
    )
