import io

from domain.messages import DeliveryStatus, Envelope, Outcome
from notifiers.base import Notifier, Timed
from notifiers.console import ConsoleNotifier
from notifiers.memory import MemoryNotifier
from tests.unit.notifiers.samples import envelope, push


class ClosedConsole(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError("reader gone")


def test_memory_keeps_what_was_sent_in_order() -> None:
    notifier = MemoryNotifier()

    outcomes = [notifier.send(envelope(delivery_id=name)) for name in ("a", "b")]

    assert [sent.delivery_id for sent in notifier.sent] == ["a", "b"]
    assert [outcome.provider_id for outcome in outcomes] == ["memory/a", "memory/b"]
    assert {outcome.status for outcome in outcomes} == {DeliveryStatus.ACCEPTED}


def test_memory_forgets_the_oldest_beyond_its_bound() -> None:
    notifier = MemoryNotifier(keep=2)

    for name in "abc":
        notifier.send(envelope(delivery_id=name))

    assert [sent.delivery_id for sent in notifier.sent] == ["b", "c"]


def test_memory_answers_as_it_is_told() -> None:
    def dead(_: Envelope) -> Outcome:
        return Outcome(status=DeliveryStatus.UNREGISTERED, retire=True)

    assert MemoryNotifier(answer=dead).send(envelope()).retire


def test_the_console_shows_the_push_on_one_line_and_never_the_target() -> None:
    out = io.StringIO()

    outcome = ConsoleNotifier(out).send(
        envelope("secret-token", push=push(title="Soup\nfor\tyou", body=""))
    )

    assert outcome.status is DeliveryStatus.ACCEPTED
    assert out.getvalue().count("\n") == 1
    assert "Soup for you" in out.getvalue()
    assert "secret-token" not in out.getvalue()


def test_a_console_nobody_reads_is_an_outcome_not_an_exception() -> None:
    outcome = ConsoleNotifier(ClosedConsole()).send(envelope())

    assert (outcome.status, outcome.error_code) == (DeliveryStatus.UNAVAILABLE, "CONSOLE_CLOSED")


def test_a_timed_notifier_reports_each_attempt_once_with_its_seconds() -> None:
    seen: list[tuple[DeliveryStatus, float]] = []
    ticks = iter([10.0, 10.25])
    inner = MemoryNotifier()
    timed: Notifier = Timed(
        inner,
        observe=lambda outcome, seconds: seen.append((outcome.status, seconds)),
        timer=lambda: next(ticks),
    )

    outcome = timed.send(envelope())
    timed.close()

    assert outcome.provider_id == "memory/delivery-1"
    assert seen == [(DeliveryStatus.ACCEPTED, 0.25)]
