"""Templates: what they may say, in whose language, and every way to abuse them."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Fault, Invalid
from domain.messages import Push
from domain.offers import OfferBody, WeatherWord
from domain.people import Mode
from domain.places import Store
from domain.slots import Slot
from scheduler import templates
from scheduler.safe_liquid import FILTERS
from scheduler.templates import Unrendered, Variables, check, nearest, render, warnings, widest

KALLIO = Store(
    id="", brand_id="", external_id="kallio", name="Kallio", latitude=60.18, longitude=24.95,
    time_zone="Europe/Helsinki", address="Fleminginkatu 1",
)  # fmt: skip
SOMEBODY = Variables(
    now=datetime(2026, 5, 6, 9, 0, tzinfo=UTC),
    zone="Europe/Helsinki",
    first_name="Aino",
    store=KALLIO,
    distance_m=412.4,
    word=WeatherWord.RAIN,
    temperature=-3.0,
    wind=4.0,
    slot=Slot(
        id="", brand_id="", mode=Mode.LIVE, external_id="", store_id="", service="haircut",
        starts_at=datetime(2026, 5, 7, 9, 0, tzinfo=UTC), ends_at=datetime(2026, 5, 7, 10, 0, tzinfo=UTC), capacity=1,
        price=30.0,
    ),
)  # fmt: skip
STRANGER = Variables(now=SOMEBODY.now, zone="Europe/Helsinki")


def _offer(title: str = "Soup", body: str = "Hot.", **more: object) -> OfferBody:
    given = {"kind": "discount", "title": {"en": title}, "body": {"en": body}, **more}
    return msgspec.convert(given, OfferBody)


def _faults(offer: OfferBody) -> list[Fault]:
    with pytest.raises(Invalid) as refused:
        check(offer)
    return list(refused.value.faults)


MONEY = {"value": {"margin": 6.0, "discount": 1.5, "currency": "EUR"}}
LIFE = {"life": {"ends_at": datetime(2026, 5, 6, 15, 30, tzinfo=UTC)}}
RAIN = {"when": {"weather": {"any": ["rain"]}}}


@pytest.mark.parametrize(
    ("text", "said", "more"),
    [
        ("Hot soup, {{ customer.first_name | default: 'you' }}?", "Hot soup, Aino?", {}),
        ("{{ store.name }} is {{ distance_m }} m away.", "Kallio is 412 m away.", {}),
        ("{{ store.address }}", "Fleminginkatu 1", {}),
        ("{% if distance_m < 500 %}Near{% else %}Far{% endif %}", "Near", {}),
        ("{{ offer.discount | currency }} off", "€1.50 off", MONEY),
        ("Until {{ offer.ends_at | datetime: format: 'HH:mm' }}", "Until 18:30", LIFE),
        ("{{ now | datetime: format: 'EEEE' }}", "Wednesday", {}),
        ("{{ distance_m | unit: 'length-meter' }}", "412 meters", {}),
        ("{{ weather.word }}, {{ weather.temperature | round }}°", "rain, -3°", RAIN),
        ("{% case weather.word %}{% when 'rain' %}Wet{% else %}Dry{% endcase %}", "Wet", RAIN),
        (
            "{% assign all = 'a,b' | split: ',' %}{% for one in all %}{{ one }}{% endfor %}",
            "ab",
            {},
        ),
        ("{% for n in (1..3) %}{{ n }}{% endfor %}", "123", {}),
        ("100 % {off}, }} as it is", "100 % {off}, }} as it is", {}),
        ("  padded  ", "padded", {}),
    ],
)
def test_a_text_says_what_it_knows(text: str, said: str, more: dict[str, object]) -> None:
    offer = _offer(body=text, **more)
    check(offer)
    assert render(offer, locale="en", variables=SOMEBODY) == Push(title="Soup", body=said)


def test_data_rides_along_unchanged() -> None:
    push = render(_offer(data={"deep_link": "brand://x"}), locale=None, variables=STRANGER)
    assert isinstance(push, Push)
    assert push.data == {"deep_link": "brand://x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Soup, {{ customer.first_name | default: 'you' }}?", "Soup, you?"),
        ("{% if customer.first_name %}Dear{% else %}Hello{% endif %}", "Hello"),
        ("{% if customer.first_name != nil %}Dear{% else %}Hello{% endif %}", "Hello"),
        ("{% unless distance_m %}Somewhere{% endunless %}", "Somewhere"),
        ("{{ store.address | default: store.name | default: 'our store' }}", "our store"),
        ("{{ customer.first_name }}", None),
        ("{{ 'Hi ' | append: customer.first_name }}", None),
        ("{{ customer.first_name | upcase | default: 'you' }}", None),
        ("{{ store.name }}", None),
        ("{{ distance_m }} m", None),
    ],
)
def test_what_is_missing_is_handled_by_the_author_or_nothing_is_said(
    text: str, said: str | None
) -> None:
    offer = _offer(body=text)
    check(offer)  # it can be said to somebody
    push = render(offer, locale="en", variables=STRANGER)
    if said is None:
        assert isinstance(push, Unrendered)
        assert bool(warnings(offer))
    else:
        assert push == Push(title="Soup", body=said)
        assert not warnings(offer)


def test_an_empty_name_is_a_missing_name() -> None:
    offer = _offer(body="Soup, {{ customer.first_name | default: 'you' }}?")
    nameless = msgspec.structs.replace(STRANGER, first_name="")
    assert render(offer, locale=None, variables=nameless) == Push(title="Soup", body="Soup, you?")


def test_a_warning_names_the_place_and_the_remedy() -> None:
    (warning,) = warnings(_offer(title="Soup, {{ customer.first_name }}?"))
    assert warning.pointer == "/title/en"
    assert "{{ customer.first_name | default: '…' }}" in warning.detail


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{ customer.firstname }}", "Did you mean `customer.first_name`?"),
        ("{{ store.nmae }}", "Did you mean `store.name`?"),
        ("{{ customer }}", "There is no `customer`"),
        ("{{ customer[store.name] }}", "written with dots"),
        ("{% if customer.first_name != blank %}x{% endif %}", "counts as false"),
        ("{{ offer.margin }}", "There is no `offer.margin`"),
        ("{{ locale }}", "There is no `locale`"),
        ("{{ secrets }}", "There are: customer.first_name"),
        ("{{ weather.word }}", "`when.weather`"),
        ("{{ offer.ends_at }}", "`life.ends_at`"),
        ("{{ store.name | date: '%H' }}", "`datetime`"),
        ("{{ store.name | upcas }}", "Did you mean `upcase`?"),
        ("{{ store.name", "line 1, column"),
        ("{% if %}", "line 1"),
        ("{% if store.name %}", "end"),
        ("a\n{% nope %}", "unexpected tag 'nope' (line 2, column 4)"),
        ("{% include 'x' %}", "unexpected tag 'include'"),
        ("{% render 'x' %}", "unexpected tag 'render'"),
        ("{% tablerow n in (1..3) %}{% endtablerow %}", "unexpected tag 'tablerow'"),
        ("{{ 'now' | datetime }}", "wants a time"),
        ("{{ 5 | divided_by: 0 }}", "divide by 0"),
        ("{{ store.name | unit: 'no-such' }}", "no-such"),
        ("\ud800 {{ store.name }}", "cannot be rendered"),
    ],
)
def test_a_wrong_text_is_refused_with_the_way_out(text: str, hint: str) -> None:
    (fault,) = _faults(_offer(body=text))
    assert fault.pointer == "/body/en"
    assert hint in fault.detail


@pytest.mark.parametrize(
    "text",
    [
        "{% for n in (1..100000000) %}x{% endfor %}",
        "{% for n in (1..1001) %}{% endfor %}",
        "{% for n in (1..100000000) reversed %}{% endfor %}",
        "{% for n in (1..100000000) limit: 1 %}{% endfor %}",
        "{% for n in (1..distance_m) %}{% endfor %}",
        "{{ (1..100000000) | join: '' }}",
        "{% assign all = (1..100000000) %}{{ all | join: '' }}",
        "{% if (1..100000000) contains 'x' %}{% endif %}",
        "{% for a in (1..32) %}{% for b in (1..32) %}{% endfor %}{% endfor %}",
        "{% for n in (1..900) %}{% endfor %}" * 2,
        "{% assign a = 'xxxxxxxx' %}{% for n in (1..900) %}{% assign a = a | append: a %}{% endfor %}",
        "{% capture a %}xxxxxxxx{% endcapture %}{% for n in (1..9) %}{% capture a %}{{ a }}{{ a }}{{ a }}{{ a }}{% endcapture %}{% endfor %}{{ a }}",
        "{{ 'a' | replace: '', 'bbbbbbbbbbbbbbbbbbbb'" + " | replace: '', 'bbbbbbbbbbbbbbbbbbbb'" * 9 + " }}",
        "{{ 9 | times: 999999999999999" + " | times: 999999999999999" * 9 + " }}",
        "{{ '" + "9" * 400 + "' | times: 9 }}",
        "{% for n in (1..600) %}1234567{% endfor %}",
        "{% if true %}" * 40 + "{% endif %}" * 40,
        "{{" * 1500,
        "{%" * 1500,
        "{{ '" * 700,
        "{{ a" + ".a" * 700 + " }}",
        "{{ a" + "[a" * 700 + "]" * 700 + " }}",
        "{{ " + "(" * 1400 + " }}",
    ],
)  # fmt: skip
def test_a_text_that_loops_or_blows_up_is_refused_at_once(text: str) -> None:
    assert _faults(_offer(body=text))
    assert isinstance(render(_offer(body=text), locale="en", variables=SOMEBODY), Unrendered)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "{{", "}}", "{%", "%}", " if ", " for ", " in ", "(1..9)", "endfor", "endif", "assign a = ",
                "customer.first_name", "distance_m", "'x'", " | ", ": ", "1", "a", "now", *FILTERS,
            ]
        ),
        max_size=12,
    ).map("".join)
)  # fmt: skip
def test_no_text_whatever_escapes_as_an_exception(text: str) -> None:
    offer = _offer(body=text)
    try:
        check(offer)
    except Invalid:
        pass
    else:
        assert isinstance(render(offer, locale="en", variables=SOMEBODY), Push | Unrendered)
    assert isinstance(render(offer, locale="en", variables=STRANGER), Push | Unrendered)


def test_a_text_that_only_long_names_make_too_long_is_refused_when_it_is_saved() -> None:
    (fault,) = _faults(_offer(body="{{ store.name }}" * 6))
    assert "limit" in fault.detail


def test_a_failure_tells_nothing_of_the_person() -> None:
    offer = _offer(body="{{ 5 | divided_by: 0 | append: customer.first_name }}")
    failed = render(offer, locale="en", variables=SOMEBODY)
    assert isinstance(failed, Unrendered)
    assert "Aino" not in failed.detail


def test_a_text_that_comes_out_empty_is_not_sent() -> None:
    offer = _offer(title="{% if false %}x{% endif %}", body=" ")
    assert isinstance(render(offer, locale="en", variables=SOMEBODY), Unrendered)


@pytest.mark.parametrize(
    ("wanted", "languages", "spoken"),
    [
        ("fi", ("en", "fi"), "fi"),
        ("fi-FI", ("en", "fi"), "fi"),
        ("fi_FI", ("en", "fi"), "fi"),
        ("FI", ("en", "fi"), "fi"),
        ("pt-BR", ("en", "pt", "pt-BR"), "pt-BR"),
        ("pt-PT", ("en", "pt-BR"), "pt-BR"),
        ("zh-Hant-TW", ("en", "zh-Hant"), "zh-Hant"),
        ("sv", ("en-GB", "fi"), "en-GB"),
        ("sv", ("de", "fi"), "de"),
        (None, ("en", "fi"), "en"),
        (None, ("fi", "sv"), "fi"),
        ("", ("en", "fi"), "en"),
        ("not a tag!", ("en", "fi"), "en"),
    ],
)
def test_the_nearest_language_is_spoken(
    wanted: str | None, languages: tuple[str, ...], spoken: str
) -> None:
    assert nearest(wanted, languages) == spoken


def test_numbers_and_times_follow_the_persons_own_locale() -> None:
    offer = _offer(body="{{ offer.discount | currency }}", **MONEY)
    finnish = msgspec.structs.replace(
        offer, title={"en": "x", "fi": "x"}, body={"en": offer.body["en"], "fi": offer.body["en"]}
    )
    said = {
        locale: render(finnish, locale=locale, variables=SOMEBODY)
        for locale in ("fi-FI", "en-GB", "sv")
    }
    assert {each.body for each in said.values() if isinstance(each, Push)} == {
        "1,50\xa0€",
        "€1.50",
    }


def test_every_language_has_a_title_and_a_body_and_is_known() -> None:
    offer = _offer()
    offer = msgspec.structs.replace(offer, title={"en": "x", "fi": "x", "xx-nope": "x"})
    pointers = {fault.pointer for fault in _faults(offer)}
    assert pointers == {"/title/fi", "/title/xx-nope"}


def test_a_strange_language_keeps_its_place_in_the_pointer() -> None:
    offer = msgspec.structs.replace(_offer(), title={"a/b~c": "x"}, body={"a/b~c": "x"})
    assert {fault.pointer for fault in _faults(offer)} == {"/title/a~1b~0c"}


def test_an_offer_without_a_common_language_says_nothing() -> None:
    offer = msgspec.structs.replace(_offer(), body={"fi": "x"})
    assert isinstance(render(offer, locale="en", variables=SOMEBODY), Unrendered)


def test_the_widest_push_of_each_language_is_as_long_as_names_can_get() -> None:
    push = widest(_offer(title="{{ customer.first_name }}", body="{{ store.address }}"))["en"]
    assert (len(push.title.encode()), len(push.body.encode())) == (800, 2000)


@pytest.mark.parametrize(
    "condition",
    ["distance_m < 100", "distance_m > 100", "customer.first_name == nil", "weather.word == 'fog'",
     "weather.temperature > 20", "weather.temperature < 0"],
)  # fmt: skip
def test_the_widest_push_is_looked_for_in_every_situation(condition: str) -> None:
    offer = _offer(body=f"{{% if {condition} %}}{'x' * 900}{{% endif %}}.", **RAIN)
    assert len(widest(offer)["en"].body) > 900


def test_a_slot_is_known_in_its_own_offers_alone() -> None:
    text = "{{ slot.service }} at {{ slot.starts_at | datetime: format: 'HH:mm' }}, {{ slot.price | currency }}"
    [fault] = _faults(_offer(body=text))
    assert "offers of kind `slot`" in fault.detail
    check(offer := _offer(body=text, kind="slot"))
    assert [each.detail.split("`")[1] for each in warnings(offer)] == ["slot.price"]
    push = render(offer, locale="en", variables=SOMEBODY)
    assert isinstance(push, Push)
    assert push.body == "haircut at 12:00, €30.00"


def test_the_catalogue_is_complete() -> None:
    """Every variable can be said, and every one that is said is in the catalogue."""
    for name in templates.VARIABLES:
        offer = _offer(
            body=f"{{{{ {name} }}}}",
            **RAIN,
            life={"starts_at": SOMEBODY.now, "ends_at": SOMEBODY.now},
            kind="slot" if name.startswith("slot.") else "discount",
        )
        check(offer)
        assert isinstance(render(offer, locale="en", variables=SOMEBODY), Push)
