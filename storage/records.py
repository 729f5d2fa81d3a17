"""How what a decision rests on lies in the database: a JSON document, deflated; typically 1 to 1.5 KB with ten offers.

JSON, since its numbers come back bit for bit, its short decimals take fewer bits than binary floats once they are deflated,
and fields that come later harm nothing. The words that every document holds stand in a dictionary that both sides know.
The first byte names the form: a new dictionary is a new form, and the old one stays for what lies there.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from domain.decisions import Alternative, Decision, Term
from domain.values import Value

_FORM = b"\x01"
_LEVEL, _WINDOW, _MEMORY = 1, 13, 5  # smaller windows begin faster, and 8 KB hold a document
_WORDS = b"".join(
    (
        b'"odds:weather":0.3,"odds:taste":0.4,"odds:fatigue":-0.15,"odds:again":-0.5,"learned:weather=',
        b'"learned:weather_offer="learned:regular="learned:taste="weather":{"rain":["weather_offer":{"rain, "regular":{"never":[',
        b'"taste":{"often":["ignored":{"none":["distance":{"3 km":["rhythm":{"30 %":["thank_you","information","discount",',
        b'"once or twice","weekend 12-15"},"hold":"dwell","habit","place":{"distance_m":,"times":,"of":,"hours_hold":true,',
        b'"store_open":true,"sky":{"word":"rain","temperature":,"wind":},"left":,"last_sent_at":"2026-"said_in_daypart":true,"refused":true,',
        b'"elsewhere":true,"unsayable":"slot":{"service":,"free":"sent_at":["2026-"segments":["traits":["interests":["spreads":{"',
        b'{"inputs":{"context":{"moment_id":"01a","cause":"enter","decided_at":"2026-","expires_at":"2026-11-22T06:13:50.190888Z",',
        b'"zone":"Europe/Helsinki","local_date":"2026-11-22","daypart":4,"permits":{"background_location":"01a","habits":"01a',
        b'","location":"01a","purchases":"01a","push":"01a"},"preferences":{"quiet_hours":[],"max_per_week":null,"paused_until":null,',
        b'"muted_kinds":[],"traits":[],"interests":[]},"draw":0.26,"likely":{"p_visit":0.1,"evidence":2,"at":"2026-11-29T04:15:00Z",',
        b'"p_then":0.1},"weary":{"pushes":0.0,"ignored":0.0,"refused":0.0},"fences":7,"learned":{"terms":{"brand":{"":[-0.0',
        b']},"cause":{"enter":[0.]},"slot":{"weekday 12-15":[0.]},"fatigue":{"0":[0.]},"rhythm":{"10 %":[0.]},"ignored":{"none":[0.',
        b']},"person":{"":[0.0]},"person_slot":{"weekday 12-15":[-0.0]},"anyway":{"":[0.]},"anyway_cause":{"enter":[-0.',
        b']},"anyway_slot":{"weekday 12-15":[0.0]},"offer":{"]},"kind":{"discount":[0.]},"cause_kind":{"enter, discount":[-0.',
        b']},"slot_offer":{"weekday 12-15, ":[-0.0]},"distance":{"300 m":[0.0]},"person_kind":{"discount":[-0.]},"person_offer":{"',
        b']}}},"candidates":[{"offer_id":"01a","revision":1,"store_id":"01a","distance_m":,"sky":{"word":"clear","temperature":,"wind":',
        b'"store_open":true,"regular":"never"},{"offer_id":"01a"}]},"policy":{"paused":false,"caps":{"per_day":2,"per_week":5},',
        b'"quiet_hours":[{"from":"21:00","to":"08:00","days":[]}],"holdout_share":0.1,"exploration":0.02,"hold":true,',
        b'"interruption_price":0.05,"currency":"EUR","keep_fixes_h":0,"revision":1},"model":2,"lessons":0},"terms":{"odds:base":1.0,',
        b'"odds:cause":0.6,"odds:distance":-0.,"learned:anyway=":0.,"learned:anyway_cause=enter":-0.,"learned:anyway_slot=weekday ',
        b'12-15":0.0,"learned:brand=":-0.0,"learned:cause=enter":0.,"learned:slot=weekday 12-15":0.,"learned:fatigue=0":0.0,',
        b'"learned:rhythm=10 %":0.,"learned:ignored=none":0.0,"learned:person=":0.0,"learned:person_slot=weekday 12-15":-0.,',
        b'"learned:offer=":-0.,"learned:kind=discount":0.,"learned:cause_kind=enter, discount":-0.,"learned:slot_offer=weekday 12-15, ',
        b'":-0.,"learned:distance=300 m":0.0,"learned:person_kind=discount":0.,"learned:person_offer=":-0.,"p:before":0.,"p:after":0.,',
        b'"money:visit":0.,"money:discount":-0.,"money:worth":0.0,"money:interruption":-0.05},"rules":["engine_paused","paused",',
        b'"consent_missing","no_device","permission_denied","expired","zone_unknown","quiet_hours","cap","holdout"],"alternatives":{',
        b'"":"offer_inactive","offer_not_begun","offer_over","muted","not_for_me","audience","other_cause","elsewhere","too_far",',
        b'"weather_unknown","weather","already_said","repeat","sold_out","no_text","store_closed","offer_hours","position_unknown"}}',
    )
)


_START = zlib.compressobj(
    _LEVEL, zlib.DEFLATED, -_WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _WORDS
)  # only ever copied: to read the dictionary anew would cost as much as the document
_encode = msgspec.json.Encoder().encode


class Record(Value, omit_defaults=True):
    """What is kept of a decision beside its columns. `inputs`: as JSON has them, None where nothing was chosen."""

    inputs: dict[str, Any] | None = None
    terms: dict[str, float] = {}
    rules: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    def columns(self) -> dict[str, Any]:
        """The same as the fields of a decision."""
        return {
            "inputs": self.inputs,
            "terms": tuple(Term(name=name, value=value) for name, value in self.terms.items()),
            "rules": self.rules,
            "alternatives": self.alternatives,
        }


_read = msgspec.json.Decoder(Record)


def packed(decision: Decision) -> bytes | None:
    """The record of a decision; None where nothing was chosen."""
    if decision.inputs is None:
        return None
    return deflated(
        {
            "inputs": decision.inputs,
            "terms": {term.name: term.value for term in decision.terms},
            "rules": decision.rules,
            "alternatives": decision.alternatives,
        }
    )


def deflated(document: Mapping[str, Any]) -> bytes:
    """A record of these fields."""
    deflate = _START.copy()
    return _FORM + deflate.compress(_encode(document)) + deflate.flush()


def unpacked(body: bytes) -> Record:
    """What `packed` was given. ValueError for a form of later."""
    if body[:1] != _FORM:
        raise ValueError(f"this record has the form {body[:1]!r}, which this version does not know")
    return _read.decode(zlib.decompressobj(-zlib.MAX_WBITS, _WORDS).decompress(body[1:]))


def completed(columns: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of decisions with what its record holds in the fields of a decision; rows from before records as they are."""
    found: dict[str, Any] = dict(columns)
    body = found.pop("record")
    return found | unpacked(body).columns() if body else found
