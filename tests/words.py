"""Reasons and facts in English words, as the brand and the person read them."""

from domain.decisions import Reason
from scheduler.context.words import Fact
from scheduler.telling.sentences import Audience, Voice, Words

_BRAND, _PERSON = Voice(Audience.MARKETER), Voice(Audience.CUSTOMER)


def to_the_brand(reason: Reason) -> Words:
    return _BRAND.words(reason)


def to_the_person(reason: Reason) -> Words:
    return _PERSON.words(reason)


def known_to_the_brand(fact: Fact) -> str:
    return _BRAND.known(fact)


def known_to_the_person(fact: Fact) -> str:
    return _PERSON.known(fact)
