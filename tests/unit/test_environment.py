from pathlib import Path

import pytest

from service.environment import WrongSettings, address, read


def test_nothing_is_required(tmp_path: Path) -> None:
    settings = read({"HOME": str(tmp_path), "WHENABOUTS_DATA_DIR": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path}/whenabouts.sqlite3"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://db/whenabouts\n")
    assert (
        read({"WHENABOUTS_DATABASE_URL_FILE": str(file)}).database_url
        == "postgresql://db/whenabouts"
    )


def test_a_setting_that_is_given_twice_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "project"
    file.write_text("one")
    twice = {"WHENABOUTS_FCM_PROJECT": "other", "WHENABOUTS_FCM_PROJECT_FILE": str(file)}
    with pytest.raises(WrongSettings, match="keep one of the two"):
        read(twice)


@pytest.mark.parametrize(
    ("variable", "text", "hint"),
    [
        pytest.param("THREDS", "4", "did you mean WHENABOUTS_THREADS?", id="misspelt"),
        pytest.param("XYZZY", "4", "no such setting", id="unknown"),
        pytest.param("THREADS", "many", "you gave 'many'", id="not a number"),
        pytest.param("THREADS", "0", "above 0", id="too small"),
        pytest.param("FCM_TIMEOUT_S", "nan", "a number with an end", id="no number at all"),
        pytest.param("FCM_TIMEOUT_S", "inf", "a number with an end", id="without end"),
        pytest.param("FCM_TRANSPORT", "pigeon", "you gave 'pigeon'", id="not a choice"),
        pytest.param("BIND", "8080", "host:port", id="no host"),
        pytest.param("FCM_CREDENTIALS_FILE", "/nowhere/at/all", "No such file", id="no file"),
        pytest.param("FCM_CREDENTIALS", "/nowhere/at/all", "service-account file", id="no account"),
        pytest.param("FCM_CA_FILE", "/nowhere/at/all", "no readable PEM bundle", id="no bundle"),
        pytest.param("FCM_ENDPOINT", "fcm.example", "web address", id="no scheme"),
        pytest.param("PUBLIC_URL", "https://", "web address", id="no host name"),
        pytest.param("DATABASE_URL", "mysql://db/x", "postgresql://", id="another database"),
        pytest.param("DATABASE_URL", "postgresql://db:x/y", "port", id="no port"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(variable: str, text: str, hint: str) -> None:
    with pytest.raises(WrongSettings, match=f"WHENABOUTS_{variable}") as caught:
        read({f"WHENABOUTS_{variable}": text})
    assert hint in str(caught.value)


def test_no_secret_is_repeated_in_a_message(tmp_path: Path) -> None:
    account = tmp_path / "account.json"
    account.write_text('{"private_key": "hush"}')
    wrong = {
        "WHENABOUTS_FCM_CREDENTIALS_FILE": str(account),  # the file itself, not one that names it
        "WHENABOUTS_DATABASE_URL": "postgresql://user:hush/hush@db/x",
    }
    with pytest.raises(WrongSettings) as caught:
        read(wrong)
    assert len(str(caught.value).splitlines()) == 2
    assert "hush" not in str(caught.value)


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(WrongSettings) as caught:
        read({"WHENABOUTS_THREADS": "x", "WHENABOUTS_BIND": "y"})
    assert len(str(caught.value).splitlines()) == 2


def test_ipv6_addresses_are_understood() -> None:
    assert address("[::1]:0") == ("::1", 0)
