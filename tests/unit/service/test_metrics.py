"""What `/metrics` says of deliveries and of the outbox."""

from prometheus_client import generate_latest

from domain.messages import DeliveryStatus, Outcome
from service.metrics import Metrics, OutboxState


def page(metrics: Metrics) -> list[str]:
    return generate_latest(metrics.registry).decode().splitlines()


def test_every_outcome_is_counted_by_its_status_and_its_code() -> None:
    metrics = Metrics()
    metrics.delivered(Outcome(status=DeliveryStatus.ACCEPTED), 0.1)
    gone = Outcome(status=DeliveryStatus.UNREGISTERED, error_code="UNREGISTERED", retire=True)
    for _ in range(2):
        metrics.delivered(gone, 0.1)
    said = page(metrics)
    assert 'whenabouts_deliveries_total{status="accepted"} 1.0' in said
    assert 'whenabouts_deliveries_total{status="unregistered"} 2.0' in said
    assert 'whenabouts_delivery_errors_total{code="UNREGISTERED"} 2.0' in said


def test_a_far_end_cannot_make_up_labels() -> None:
    metrics = Metrics()
    for number in range(3):
        odd = Outcome(status=DeliveryStatus.REJECTED, error_code=f"MADE_UP_{number}")
        metrics.delivered(odd, 0.1)
    errors = [line for line in page(metrics) if line.startswith("whenabouts_delivery_errors_total")]
    assert errors == ['whenabouts_delivery_errors_total{code="OTHER"} 3.0']


def test_the_outbox_is_looked_up_when_the_page_is_read() -> None:
    metrics = Metrics()
    states = iter([OutboxState(), OutboxState(queued=3, oldest_due_s=12.5, suspects=4)])
    metrics.outbox(lambda: next(states))
    assert "whenabouts_messages_oldest_due_seconds 0.0" in page(metrics)
    said = page(metrics)
    assert "whenabouts_messages_queued 3.0" in said
    assert "whenabouts_messages_oldest_due_seconds 12.5" in said
    assert "whenabouts_targets_suspect 4.0" in said
