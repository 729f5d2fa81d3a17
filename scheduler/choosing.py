"""From one moment with all that is known around it to a choice that can be put into words. Reads and writes nothing."""

from domain.context import Candidate, Context
from domain.decisions import Outcome
from domain.messages import Push
from domain.offers import Offer
from scheduler import templates
from scheduler.context import build
from scheduler.context.build import Scene
from scheduler.decide import guards
from scheduler.decide.choose import among, forbidding
from scheduler.decide.score import Model
from scheduler.drafts import Choice, Said, marked


def attempt(at: Scene, model: Model) -> Choice:
    """What is chosen at this moment. Where a rule on the person forbids it, no offer is looked at."""
    context = build.person(at)
    if forbidden := guards.on_person(context, at.ground.brand.policy):
        return Choice(context, forbidding(context, forbidden), None)
    return chosen(at, build.with_offers(context, at), model)


def chosen(at: Scene, context: Context, model: Model) -> Choice:
    """Decides until what was chosen can be put into words; the rules on the person forbid nothing.

    An offer that cannot is marked so in the inputs and the decision is made again without it: the stored inputs
    always give the stored decision.
    """
    while True:
        verdict = among(context, at.ground.offers, at.ground.brand.policy, model)
        if verdict.outcome is not Outcome.SEND or not (verdict.offer and verdict.candidate):
            return Choice(context, verdict, None)
        push = rendered(at, verdict.offer, verdict.candidate)
        if isinstance(push, Push):
            return Choice(context, verdict, Said(verdict.offer, verdict.candidate, push))
        context = marked(context, verdict.candidate, unsayable=push.detail)


def rendered(at: Scene, offer: Offer, candidate: Candidate) -> Push | templates.Unrendered:
    """The push of this offer for this person, or what its text lacks."""
    sky = candidate.sky
    variables = templates.Variables(
        now=at.now,
        zone=at.zone.key if at.zone else "UTC",
        first_name=at.known.customer.first_name,
        store=at.premises.get(candidate.store_id),
        distance_m=candidate.distance_m,
        word=sky.word if sky else None,
        temperature=sky.temperature if sky else None,
        wind=sky.wind if sky else None,
        slot=at.slot,
    )
    locale = at.known.locale or at.known.customer.locale
    return templates.render(offer.body, locale=locale, variables=variables)
