"""Settings from `WHENABOUTS_*` variables, or from the files that `WHENABOUTS_*_FILE` name."""

import difflib
import ssl
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from domain.settings import Settings
from notifiers import alerts
from notifiers.address_guard import networks

PREFIX = "WHENABOUTS_"
_FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


class WrongSettings(Exception):
    """Each line names one variable, what is wrong with it and what to write instead."""


def read(environ: Mapping[str, str]) -> Settings:
    """The settings; WrongSettings with every mistake at once, so that a start is mended in one go."""
    problems: list[str] = []
    values: dict[str, object] = {}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        try:
            name, text = _text(variable, environ)
            values[name] = _value(name, text)
        except (ValueError, OSError) as error:
            problems.append(f"{variable}: {error}")
    if problems:
        raise WrongSettings("\n".join(problems))
    return _completed(Settings(**values))  # type: ignore[arg-type]  # each was converted to its field's type


def _text(variable: str, environ: Mapping[str, str]) -> tuple[str, str]:
    name = variable.removeprefix(PREFIX).lower()
    if name in _FIELDS:
        return name, environ[variable]
    if name.removesuffix("_file") in _FIELDS and name.endswith("_file"):
        if (plain := variable.removesuffix("_FILE")) in environ:
            raise ValueError(f"{plain} is set as well; keep one of the two.")
        return name.removesuffix("_file"), Path(environ[variable]).read_text().strip()
    near = difflib.get_close_matches(name, _FIELDS, n=1)
    hint = f"did you mean {PREFIX}{near[0].upper()}?" if near else "see docs/settings.md."
    raise ValueError(f"there is no such setting; {hint}")


def _value(name: str, text: str) -> object:
    try:
        value: object = msgspec.convert(text, _FIELDS[name].type, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"{str(error)[0].lower()}{str(error)[1:]}; you gave {text!r}.") from None
    if check := _CHECKS.get(name):
        check(text)
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"must be a number with an end; you gave {text!r}.")
    if isinstance(value, int | float) and value <= 0:
        raise ValueError(f"must be above 0; you gave {text!r}.")
    return value


def address(bind: str) -> tuple[str, int]:
    """Host and port of `host:port`; `[::1]:8080` for IPv6. Port 0 takes a free one."""
    host, _, port = bind.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"must be host:port, such as 127.0.0.1:8080; you gave {bind!r}.")
    return host.strip("[]"), int(port)


def _database(url: str) -> None:
    """A database address is never repeated, for it may hold a password."""
    if url and not url.startswith(("sqlite:///", "postgresql://")):
        raise ValueError(
            "must be sqlite:////absolute/file or postgresql://user:password@host/name."
        )
    try:
        _ = urlsplit(url).port
    except ValueError:
        hint = "write special characters of a password as %2F and the like."
        raise ValueError(f"has a port that is no number; {hint}") from None


def _web_address(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"must be a web address such as https://host; you gave {text!r}.")


def _certificates(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValueError(f"{path} is no readable PEM bundle ({error}).") from None


def _account(path: str) -> None:
    """What it holds is never repeated: it may be the account itself, taken from `…_FILE`."""
    if path != "anonymous" and not (len(path) < 4096 and Path(path).is_file()):
        raise ValueError("must be the path of a service-account file, or `anonymous`.")


def _days(text: str) -> None:
    if text.isdigit() and int(text) > _MOST_DAYS:
        raise ValueError(
            f"must be {_MOST_DAYS} at most, which is a hundred years; you gave {text!r}."
        )


_MOST_DAYS = 36_500
_CHECKS = {
    "decision_inputs_days": _days,
    "targets_days": _days,
    "bind": address,
    "database_url": _database,
    "public_url": _web_address,
    "fcm_endpoint": _web_address,
    "fcm_credentials": _account,
    "fcm_ca_file": _certificates,
    "alert_urls": alerts.check,
    "webhook_networks": networks,
    "webhook_ca_file": _certificates,
    "weather_url": _web_address,
    "geocoder_url": _web_address,
}


def _completed(settings: Settings) -> Settings:
    folder = Path(settings.data_dir).expanduser()
    url = settings.database_url or f"sqlite:///{folder.absolute()}/whenabouts.sqlite3"
    return msgspec.structs.replace(settings, data_dir=str(folder), database_url=url)
