"""`whenabouts doctor`: what is wrong, and how to mend it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum

import click

from domain.clock import SystemClock
from domain.errors import Refusal
from domain.people import Mode
from domain.policy import Brand
from domain.settings import Settings
from domain.values import Value
from domain.webhooks import Serves, Webhook
from notifiers import transports
from notifiers.alerts import Alerts
from notifiers.firebase import AccountUnusable, FirebaseNotifier
from scheduler.pacing import SHARE
from scheduler.weather import client
from scheduler.weather.open_meteo import FREE
from service import geocode
from service.cli.opening import connect, settings
from service.cli.output import UNHEALTHY, explained, json_option, show_json
from service.parts import project_of
from service.wiring import ROLES, SILENT_S
from storage import brands, heartbeats, keys, messages, migrate, targets, webhooks
from storage.engine import Database
from storage.sql import lease_now

_SKEW = timedelta(seconds=5)


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


class Finding(Value):
    """One thing looked at. `remedy` says what to do where it is not ok."""

    part: str
    health: Health
    text: str
    remedy: str | None = None


@click.command()
@click.option(
    "--alert-test",
    is_flag=True,
    help="Send a test to each of WHENABOUTS_ALERT_URLS, and nothing else.",
)
@json_option
@explained
def doctor(alert_test: bool, as_json: bool) -> None:
    """Look at everything a working service needs; exit code 3 where something is broken."""
    chosen = settings()
    findings = list(_told(chosen) if alert_test else examine(chosen))
    if as_json:
        show_json(findings)
    else:
        for one in findings:
            click.echo(f"{one.health.value:8} {one.part}: {one.text}")
            if one.remedy:
                click.echo(f"         → {one.remedy}")
    if any(one.health is Health.BROKEN for one in findings):
        sys.exit(UNHEALTHY)


def examine(chosen: Settings) -> Iterator[Finding]:
    """Every finding in turn. The database comes first: without it the rest cannot be known."""
    yield _ok("settings", "all are known and well-formed")
    yield _weather(chosen)
    yield _geocoder(chosen)
    yield _alerts(chosen)
    database = connect(chosen)
    try:
        schema = _schema(database)
        yield schema
        if schema.health is Health.OK:
            yield from _inside(database, chosen)
    finally:
        database.close()


def _schema(database: Database) -> Finding:
    where = database.url.render_as_string(hide_password=True)
    try:
        revision = migrate.current(database)
    except Refusal as refusal:
        return _broken(
            "database",
            f"{where}: {refusal.detail}",
            "Start it, or correct WHENABOUTS_DATABASE_URL.",
        )
    if revision != migrate.head():
        return _broken(
            "database",
            f"{where} is at revision {revision or 'none'}, this version wants {migrate.head()}",
            "Run `whenabouts migrate`.",
        )
    return _ok("database", f"{where}, revision {revision}")


def _inside(database: Database, chosen: Settings) -> Iterator[Finding]:
    with database.read() as tx:
        skew = abs(lease_now(tx) - SystemClock().now())
        silent = heartbeats.silent_for(tx)
        backlog = messages.backlog(tx)
        suspects = targets.suspected(tx)
        everyone = brands.everyone(tx)
        hooks = {
            brand.id: webhooks.of_brand(tx, brand_id=brand.id, mode=Mode.LIVE) for brand in everyone
        }
        keyless = [brand.slug for brand in everyone if not keys.of_brand(tx, brand.id)]
    yield _clock(skew)
    yield from (_role(role, silent.get(role)) for role in ROLES)
    yield _unknown(backlog["unknown"])
    if suspects:
        yield _doubted(suspects)
    if not everyone:
        yield _warning("brands", "there are none yet", "Run `whenabouts brands create SLUG`.")
    for slug in keyless:
        yield _warning(
            f"brand {slug}",
            "has no keys",
            f"Run `whenabouts keys create --brand {slug} --kind publishable`.",
        )
    for brand in everyone:
        yield from _disabled(brand, hooks[brand.id])
    unhooked = [brand for brand in everyone if not any(map(_takes_all, hooks[brand.id]))]
    yield from _projects(unhooked, chosen)


def _takes_all(webhook: Webhook) -> bool:
    """Whether a brand with this webhook needs no Firebase project."""
    return webhook.serves is Serves.EVERYBODY and not webhook.offers and webhook.disabled_at is None


def _disabled(brand: Brand, hooks: Sequence[Webhook]) -> Iterator[Finding]:
    for webhook in hooks:
        if webhook.disabled_at:
            yield _warning(
                f"webhook {webhook.external_id} of {brand.slug}",
                f"is disabled since {webhook.disabled_at:%Y-%m-%d %H:%M} UTC: it answered 410",
                f"Mend the receiver, then PUT /v1/webhooks/{webhook.external_id} again, or DELETE it.",
            )


def _clock(skew: timedelta) -> Finding:
    if skew <= _SKEW:
        return _ok("clock", "agrees with the database's")
    return _broken(
        "clock",
        f"is {skew.total_seconds():.0f} s off the database's",
        "Synchronise both machines (chrony or systemd-timesyncd).",
    )


def _role(role: str, silent: timedelta | None) -> Finding:
    if silent is not None and silent.total_seconds() <= SILENT_S:
        return _ok(role, f"was heard of {silent.total_seconds():.0f} s ago")
    return _warning(role, "does not run", f"Start `whenabouts up`, or `whenabouts {role}`.")


def _unknown(count: int) -> Finding:
    if not count:
        return _ok("deliveries", "none with an unknown end")
    return _warning(
        "deliveries",
        f"{count} messages have an unknown end: their answer was lost",
        "They are never sent again. `whenabouts messages --state unknown` lists them, and `messages settle` ends those "
        "of which you found out more.",
    )


def _doubted(count: int) -> Finding:
    return _warning(
        "targets",
        f"{count} look dead, too many at once to believe it",
        "See `whenabouts devices suspects`; then `whenabouts devices retire`, or `spare`.",
    )


def _projects(everyone: list[Brand], chosen: Settings) -> Iterator[Finding]:
    yield _transport(chosen)
    if chosen.fcm_transport in ("console", "memory"):
        return
    yield _quota(chosen)
    secrets = {
        project: brand.fcm_credentials or chosen.fcm_credentials
        for brand in everyone
        if (project := project_of(brand, chosen))
    }
    notifier = FirebaseNotifier(
        accounts=secrets.get,
        endpoint=chosen.fcm_endpoint,
        ca_file=chosen.fcm_ca_file,
    )
    try:
        for brand in everyone:
            yield _project(brand, project_of(brand, chosen), notifier.check)
    finally:
        notifier.close()


def _quota(chosen: Settings) -> Finding:
    """How fast pushes go."""
    per_minute = chosen.fcm_quota_per_minute
    text = f"{per_minute:,} pushes a minute for each Firebase project; at most {SHARE:.0%} of it are used"
    return _ok("quota", text)


def _transport(chosen: Settings) -> Finding:
    """Which transport sends, and why."""
    best = transports.best()
    match chosen.fcm_transport:
        case None if best.kind == "curl":
            return _ok("push", f"goes over curl, for {best.why}")
        case None:
            return _warning(
                "push",
                f"goes over firebase-admin, for {best.why}",
                "Install pycurl's wheel for a tenth of the CPU, or set WHENABOUTS_FCM_TRANSPORT=admin.",
            )
        case "curl" if not best.has_curl:
            return _broken(
                "push",
                f"is to go over curl, but {best.why}: no sender starts",
                "Install pycurl's wheel, or leave WHENABOUTS_FCM_TRANSPORT out.",
            )
        case "curl" if best.kind != "curl":
            return _warning(
                "push",
                f"goes over curl as set, though {best.why}",
                "Install pycurl's wheel, or leave WHENABOUTS_FCM_TRANSPORT out.",
            )
        case "curl" | "admin":
            return _ok("push", f"goes over {chosen.fcm_transport}, as set")
        case _:
            return _warning(
                "push",
                f"the transport is `{chosen.fcm_transport}`: no phone gets anything",
                "Leave WHENABOUTS_FCM_TRANSPORT out, or set it to curl or admin.",
            )


def _project(brand: Brand, project: str | None, check: Callable[[str], None]) -> Finding:
    part = f"brand {brand.slug}"
    remedy = (
        "Set WHENABOUTS_FCM_PROJECT and WHENABOUTS_FCM_CREDENTIALS, or "
        f"`whenabouts brands update {brand.slug} --fcm-project … --fcm-credentials FILE`."
    )
    if not project:
        return _broken(part, "has no Firebase project, so its messages are cancelled", remedy)
    try:
        check(project)
    except AccountUnusable as error:
        return _broken(part, str(error), remedy)
    return _ok(part, f"sends through the Firebase project {project}")


def _weather(chosen: Settings) -> Finding:
    if chosen.weather_provider == "none":
        return _warning(
            "weather",
            "is switched off: offers with a weather condition never match",
            "Set WHENABOUTS_WEATHER_PROVIDER; docs/weather.md compares the providers.",
        )
    try:
        client.provider(chosen)
    except Refusal as refusal:
        return _broken("weather", refusal.detail, "See docs/weather.md.")
    free = chosen.weather_provider == "open-meteo" and not chosen.weather_api_key
    if free and (chosen.weather_url or FREE) == FREE:
        return _warning(
            "weather",
            "uses Open-Meteo's free host, which is for non-commercial use only",
            "Buy a key (WHENABOUTS_WEATHER_API_KEY), host it yourself, or use met-norway.",
        )
    return _ok("weather", f"comes from {chosen.weather_provider}")


def _geocoder(chosen: Settings) -> Finding:
    geocoder = geocode.of(chosen)
    if geocoder is None:
        return _ok("geocoder", "is switched off: stores need coordinates")
    try:
        geocoder.check()
    except Refusal as refusal:
        return _broken("geocoder", refusal.detail, "Correct WHENABOUTS_GEOCODER_URL, or start it.")
    return _ok("geocoder", f"{geocoder.url} answers")


def _alerts(chosen: Settings) -> Finding:
    if not chosen.alert_urls:
        return _ok("alerts", "are switched off: nobody is told when something breaks")
    count = len(Alerts(chosen.alert_urls))
    return _ok(
        "alerts", f"go {count} way{'s' * (count > 1)}; `whenabouts doctor --alert-test` tries"
    )


def _told(chosen: Settings) -> Iterator[Finding]:
    """A test to each way."""
    if not chosen.alert_urls:
        yield _broken(
            "alerts", "are switched off", "Set WHENABOUTS_ALERT_URLS; see docs/alerts.md."
        )
        return
    text = "This is a test. If you can read it, alerts reach you."
    for told in Alerts(chosen.alert_urls).tell("Whenabouts: a test", text, mood="info"):
        part = f"alert {told.place} ({told.kind})"
        if told.taken:
            yield _ok(part, "was taken")
        else:
            yield _broken(
                part,
                "was not taken",
                "Check its address and password, and whether this host may reach it.",
            )


def _ok(part: str, text: str) -> Finding:
    return Finding(part=part, health=Health.OK, text=text)


def _warning(part: str, text: str, remedy: str) -> Finding:
    return Finding(part=part, health=Health.WARNING, text=text, remedy=remedy)


def _broken(part: str, text: str, remedy: str) -> Finding:
    return Finding(part=part, health=Health.BROKEN, text=text, remedy=remedy)
