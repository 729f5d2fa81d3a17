"""Reasons in English words, as the brand and the person read them."""

from domain.decisions import Reason
from scheduler.telling.sentences import Audience, Voice, Words

_BRAND, _PERSON = Voice(Audience.MARKETER), Voice(Audience.CUSTOMER)


def to_the_brand(reason: Reason) -> Words:
    return _BRAND.words(reason)


def to_the_person(reason: Reason) -> Words:
    return _PERSON.words(reason)
