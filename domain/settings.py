"""The settings of a process: frozen, read once by `service/environment.py`; a wrong one stops the start."""

from typing import Literal

from domain.values import Value


class Settings(Value):
    """`WHENABOUTS_<NAME>` or `WHENABOUTS_<NAME>_FILE` each; `docs/settings.md` explains every one."""

    data_dir: str = "~/.local/share/whenabouts"
    database_url: str = ""  # empty: `whenabouts.sqlite3` inside `data_dir`
    bind: str = "127.0.0.1:8080"
    public_url: str | None = None
    threads: int = 16
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    fcm_transport: Literal["curl", "admin", "console", "memory"] | None = (
        None  # None: the best at hand
    )
    fcm_endpoint: str = "https://fcm.googleapis.com"
    fcm_project: str | None = None
    fcm_credentials: str | None = None
    fcm_ca_file: str | None = None
    fcm_timeout_s: float = 15.0
    fcm_concurrency: int | None = None  # None: what fits the transport
    fcm_quota_per_minute: int = 600_000
    fcm_validate: Literal["first", "never"] | None = None  # None: the first at Google's
    fcm_quarter_hours: Literal["avoid", "ignore"] | None = None  # None: avoided at Google's
    alert_urls: str | None = None
    webhook_networks: str = ""
    webhook_ca_file: str | None = None
    weather_provider: Literal["open-meteo", "met-norway", "recorded", "none"] = "none"
    weather_url: str | None = None
    weather_api_key: str | None = None
    weather_contact: str | None = None
    weather_max_age_s: int = 2700
    geocoder: Literal["none", "nominatim", "photon"] = "none"
    geocoder_url: str | None = None
    register_per_minute: int = 600
    decision_inputs_days: int = 365
    targets_days: int = 60
