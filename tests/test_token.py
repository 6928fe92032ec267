"""`ingest token`: made, listed, revoked, read again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch import keys
from ingest.settings import load
from ingest.web.access import Access
from ops.commands import token
from tests.processes import ingest
from tests.running_up import locked_by

pytestmark = pytest.mark.usefixtures("environment")


def test_token_is_made_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new token is shown once; the file keeps what admits it, and the list what it may be called."""
    monkeypatch.setenv("INGEST_TOKENS_FILE", str(tmp_path / "tokens"))

    made = ingest("token", "new", "shop").stdout

    secret = made.split()[1]
    assert f"push path   /airudder/custom-api/{secret}" in made
    (token,) = load({"INGEST_TOKENS_FILE": str(tmp_path / "tokens")}).tokens
    assert Access((token,)).source_of(secret, []) == "shop"
    assert secret not in (tmp_path / "tokens").read_text()
    listed = ingest("token", "list").stdout
    assert f"shop    {token.fingerprint}" in listed
    assert secret not in listed


def test_token_without_file_says_what_to_set() -> None:
    """Where no file is set, the item for INGEST_TOKENS is shown."""
    made = ingest("token", "new", "shop").stdout

    item = made.splitlines()[-1]
    (token,) = load({"INGEST_TOKENS": item}).tokens
    assert Access((token,)).source_of(made.split()[1], []) == "shop"


def test_rotation_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Any) -> None:
    """Of two tokens of one source the list tells which is used, and when they were made; the old one is revoked by its
    fingerprint, with nothing else in the file changed."""
    file = tmp_path / "tokens"
    file.write_text("# by hand\nshop=old\n")
    monkeypatch.setenv("INGEST_TOKENS_FILE", str(file))
    ingest("token", "new", "shop")
    old, new = load({"INGEST_TOKENS_FILE": str(file)}).tokens
    client.hset(keys.LAST_USED, old.fingerprint, datetime(2026, 11, 28, 1, 2, 3, tzinfo=UTC).timestamp())

    listed = ingest("token", "list").stdout.splitlines()

    today = datetime.now(UTC).date().isoformat()
    assert listed[1].split() == ["source", "fingerprint", "made", "last_used"]
    assert listed[2].split() == ["shop", old.fingerprint, "-", "2026-11-28", "01:02:03Z"]
    assert listed[3].split() == ["shop", new.fingerprint, today, "-"]
    revoked = ingest("token", "revoke", old.fingerprint.upper())
    assert (revoked.returncode, revoked.stderr) == (0, "")
    assert f"revoked     {old.fingerprint} of shop" in revoked.stdout
    assert "ingest token reload" in revoked.stdout
    assert file.read_text().startswith(f"# by hand\n# made {today}\nshop=sha256:")
    assert load({"INGEST_TOKENS_FILE": str(file)}).tokens == (new,)


def test_new_and_revoked_tokens_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: Connection[dict[str, Any]]
) -> None:
    """Who made or removed a token, of which source, by its fingerprint; never the secret."""
    monkeypatch.setenv("INGEST_TOKENS_FILE", str(tmp_path / "tokens"))
    monkeypatch.setenv("INGEST_OPERATOR", "budi")
    ingest("token", "new", "shop")
    (made,) = load({"INGEST_TOKENS_FILE": str(tmp_path / "tokens")}).tokens
    with (tmp_path / "tokens").open("a") as file:
        file.write("shop=another\n")
    ingest("token", "revoke", made.fingerprint)

    found = connection.execute("SELECT operator, command, filter FROM airudder.actions ORDER BY action_id").fetchall()
    whose = {"operator": "budi", "filter": {"source": "shop", "fingerprint": made.fingerprint}}
    assert found == [{**whose, "command": "token new"}, {**whose, "command": "token revoke"}]


def test_secret_is_revoked_without_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it cannot be recorded is said."""
    file = tmp_path / "tokens"
    file.write_text("shop=old\nshop=new\n")
    monkeypatch.setenv("INGEST_TOKENS_FILE", str(file))
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    old, _ = load({"INGEST_TOKENS_FILE": str(file)}).tokens

    revoked = ingest("token", "revoke", old.fingerprint)

    assert revoked.returncode == 0
    assert "not recorded" in revoked.stderr
    assert "old" not in file.read_text()


def test_list_of_tokens_needs_no_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Redis the tokens are listed, and it is said what is not known."""
    monkeypatch.setenv("INGEST_TOKENS", "shop=s3cret")
    for url in ("redis://127.0.0.1:1/0", ""):
        monkeypatch.setenv("REDIS_URL", url)

        listed = ingest("token", "list")

        assert listed.returncode == 0
        assert "when they were last used is not known" in listed.stderr
        assert "shop" in listed.stdout


def test_revoking_what_is_not_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fingerprint that nobody has, and one in the environment, which no command changes, are exit code 1."""
    monkeypatch.setenv("INGEST_TOKENS", "shop=s3cret")
    (token,) = load({"INGEST_TOKENS": "shop=s3cret"}).tokens

    assert "no token has the fingerprint" in ingest("token", "revoke", "00000000").stderr
    listed = ingest("token", "revoke", token.fingerprint)
    assert (listed.returncode, listed.stdout) == (1, "")
    assert "take it out there, and restart web" in listed.stderr


def test_reload_without_up_says_how(client: Any) -> None:
    """Where no `ingest up` runs, the way to web's process is told."""
    result = ingest("token", "reload")

    assert result.returncode == 1
    assert "send SIGHUP to web's process" in result.stderr


def test_reload_of_anothers_up_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that may not be sent a signal is one sentence."""
    monkeypatch.setenv("INGEST_DATA_DIR", str(tmp_path))

    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError

    with locked_by(os.getpid(), tmp_path):
        monkeypatch.setattr(os, "kill", refuse)
        with pytest.raises(SystemExit) as ended:
            token.reload.main([], standalone_mode=False)

    assert ended.value.code == 1
    assert "is another user's: run this as that user, or as root" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["", "a b", "a=b", "a,b", "#a", "a/b", 'a"', "a\u200b"])
def test_token_source_is_one_word(source: str) -> None:
    """A source that could not be read back is refused."""
    assert ingest("token", "new", source).returncode == 2
