"""What `/metrics` shows of the manners towards FCM."""

from prometheus_client import generate_latest

from scheduler.patience import Breaker
from service.metrics import Metrics, ProjectState


def test_the_pace_rests_and_breakers_of_each_project_are_shown() -> None:
    metrics = Metrics()
    state = ProjectState(
        project="soup",
        rate=4000.0,
        halvings=1,
        rests={"": 0.0, "ios": 42.0},
        breakers={"": Breaker.TRYING, "ios": Breaker.OPEN, "android": Breaker.CLOSED},
    )
    metrics.projects(lambda: [state])

    shown = generate_latest(metrics.registry).decode().splitlines()

    assert {line for line in shown if line.startswith("whenabouts_fcm_")} == {
        'whenabouts_fcm_rate{project="soup"} 4000.0',
        'whenabouts_fcm_halvings_total{project="soup"} 1.0',
        'whenabouts_fcm_rest_seconds{platform="",project="soup"} 0.0',
        'whenabouts_fcm_rest_seconds{platform="ios",project="soup"} 42.0',
        'whenabouts_fcm_breaker{platform="",project="soup"} 1.0',
        'whenabouts_fcm_breaker{platform="ios",project="soup"} 2.0',
        'whenabouts_fcm_breaker{platform="android",project="soup"} 0.0',
    }
