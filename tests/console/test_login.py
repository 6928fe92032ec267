"""Who gets in: users, their roles and sessions, and forms of these sessions alone."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingest.errors import SettingError
from ops.console import sessions
from ops.console.login import TRIES_A_MINUTE, is_own_path
from ops.users import Role, read_file
from tests.console.conftest import PASSWORD, Console, csrf_of, logged_in, user_line
from tests.processes import ingest


def test_nobody_sees_without_login(console: Console) -> None:
    """Each page leads to the login and back, a part leads the whole page there and back, and a form is refused."""
    with httpx.Client(base_url=console.url, timeout=60) as stranger:
        for path in ("/", "/now/facts", "/rq/", "/no-such-page", "/pushes?source=a"):
            assert stranger.get(path).status_code == 303
        assert (
            stranger.get("/pushes?source=a&kind=b").headers["location"] == "/login?then=/pushes%3Fsource%3Da%26kind%3Db"
        )
        part = stranger.get("/now/facts", headers={"HX-Request": "true"})
        assert (part.status_code, part.headers["hx-redirect"], part.text) == (401, "/login?then=/", "")
        asking = {"HX-Request": "true", "HX-Current-URL": f"{console.url}/refusals?span=7d#last"}
        part = stranger.get("/refusals/facts", headers=asking)
        assert part.headers["hx-redirect"] == "/login?then=/refusals%3Fspan%3D7d"
        assert stranger.post("/unmask", data={"page": "/"}).status_code == 401


def test_login_leads_back(console: Console) -> None:
    """Whoever has logged in is where they wanted to be, and on no other site."""
    with httpx.Client(base_url=console.url, timeout=60) as client:
        form = {"name": "vera", "password": PASSWORD}
        assert client.post("/login", data={**form, "then": "/drift?a=b"}).headers["location"] == "/drift?a=b"
        assert client.post("/login", data={**form, "then": "//elsewhere.example"}).headers["location"] == "/"


@pytest.mark.parametrize("path", ["//a.example", "/\\a.example", "https://a.example", "a", "", "/a\nb", "javascript:1"])
def test_other_sites_are_no_paths(path: str) -> None:
    """An address that a browser would take for another site's leads nowhere."""
    assert not is_own_path(path)


def test_cookie_is_guarded(console: Console) -> None:
    """No script reads it, and no other site's page sends it."""
    answer = httpx.post(f"{console.url}/login", timeout=60, data={"name": "vera", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert f"ingest_console_{httpx.URL(console.url).port}=" in cookie


def test_wrong_passwords_are_few(console: Console) -> None:
    """After some wrong passwords for a name the right one has to wait as well; other names do not."""
    for _ in range(TRIES_A_MINUTE):
        assert httpx.post(f"{console.url}/login", timeout=60, data={"name": "vera", "password": "?"}).status_code == 403
    refused = httpx.post(f"{console.url}/login", timeout=60, data={"name": "vera", "password": PASSWORD})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 61
    assert "Try again in" in refused.text
    with logged_in(console.url, "alice"):
        pass


def test_wrong_passwords_at_once_are_few(console: Console) -> None:
    """Tries that come while another one is compared are counted as well."""

    def wrong(password: int) -> int:
        answer = httpx.post(f"{console.url}/login", timeout=60, data={"name": "vera", "password": str(password)})
        return answer.status_code

    with ThreadPoolExecutor(4 * TRIES_A_MINUTE) as tries:
        found = Counter(tries.map(wrong, range(4 * TRIES_A_MINUTE)))
    assert found == {403: TRIES_A_MINUTE, 429: 3 * TRIES_A_MINUTE}


def test_logout_ends_session(console: Console) -> None:
    """The cookie is worth nothing afterwards, whoever has kept a copy of it."""
    kept = dict(console.viewer.cookies)
    assert console.post(console.viewer, "/logout").headers["location"] == "/login"
    assert httpx.get(console.url, cookies=kept, timeout=60).status_code == 303


def test_removed_user_is_out(console: Console) -> None:
    """Whoever is removed from the file, or gets another role, is logged out by that."""
    console.users_file.write_text(user_line("vera", Role.OPERATOR))
    assert console.operator.get("/").status_code == 303
    assert console.viewer.get("/").status_code == 303
    with logged_in(console.url, "vera") as vera:
        assert "operator" in vera.get("/").text


def test_broken_file_lets_nobody_in(console: Console) -> None:
    """It says so in words, and tells nobody what stands in it; mended, it lets those in again who were."""
    was = console.users_file.read_text()
    console.users_file.write_text(f"{was}\nalice-too operator secret\n")
    with httpx.Client(base_url=console.url, timeout=60) as stranger:
        answers = [client.get("/pushes") for client in (console.operator, console.viewer)]
        answers.append(stranger.post("/login", data={"name": "alice", "password": PASSWORD}))
    for answer in answers:
        assert (answer.status_code, answer.text) == (
            503,
            "The console cannot tell who you are now. Its log says why.\n",
        )
        assert answer.headers["x-frame-options"] == "DENY"
    console.users_file.write_text(was)
    assert console.operator.get("/pushes").status_code == 200


def test_viewer_does_not_act(console: Console) -> None:
    """A viewer is told so in words, and nothing happens."""
    refused = console.post(console.viewer, "/unmask", page="/pushes")
    assert refused.status_code == 403
    assert "that takes the role operator" in refused.text
    assert console.viewer.post("/rq/requeue/normalise").status_code == 403


def test_form_of_another_session_is_refused(console: Console) -> None:
    """A form needs what its session's pages carry, and nobody else's do."""
    csrf = csrf_of(console.viewer.get("/").text)
    for wrong in ("", "x", csrf):
        refused = console.operator.post("/unmask", data={"page": "/pushes", "csrf": wrong})
        assert refused.status_code == 403
        assert "reload the page" in refused.text


def test_large_form_is_refused(console: Console) -> None:
    """A form has an end, and says before where that is."""
    assert console.operator.post("/unmask", data={"page": "/" + 70_000 * "a"}).status_code == 413
    assert console.operator.post("/unmask", content=iter([b"page=/"])).status_code == 413


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("alice operator", "not of the form"),
        ("alice operator plain-password", "not of the form"),
        ("alice boss $argon2id$x", "boss is neither viewer nor operator"),
        ("al/ice operator $argon2id$x", "not of the form"),
        ("vera viewer $argon2id$x", "vera has a line already"),
    ],
)
def test_broken_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    """A file that is not right is refused with the number of its line, and without a secret."""
    file = tmp_path / "users"
    file.write_text(f"# users\n{user_line('vera', Role.VIEWER)}\n{line}\n")
    with pytest.raises(SettingError, match=f"line 3: {words}") as raised:
        read_file(file)
    assert "argon2id$x" not in str(raised.value)
    assert "plain-password" not in str(raised.value)


def test_file_of_an_editor_is_read(tmp_path: Path) -> None:
    """Some editors begin a file with a byte order mark, and end lines in their own way."""
    file = tmp_path / "users"
    lines = [user_line("alice", Role.OPERATOR), user_line("vera", Role.VIEWER)]
    file.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    assert list(read_file(file)) == ["alice", "vera"]


def test_command_makes_user(tmp_path: Path) -> None:
    """`ingest console-user` writes a line that lets its user in, and not twice."""
    file = tmp_path / "users"
    made = ingest("console-user", "bob", "--role", "operator", "--password", "s3", INGEST_CONSOLE_USERS_FILE=str(file))
    assert made.returncode == 0, made.stderr
    assert read_file(file)["bob"].role is Role.OPERATOR
    assert file.stat().st_mode & 0o077 == 0
    again = ingest("console-user", "bob", "--password", "s4", INGEST_CONSOLE_USERS_FILE=str(file))
    assert again.returncode == 2
    assert "bob has a line" in again.stderr
    file.write_text(file.read_text().rstrip("\n"))  # as some editors leave it
    assert ingest("console-user", "amy", "--password", "s5", INGEST_CONSOLE_USERS_FILE=str(file)).returncode == 0
    assert list(read_file(file)) == ["bob", "amy"]
    printed = ingest("console-user", "eve", "--password", "s3")
    assert "eve viewer $argon2id$" in printed.stdout
    assert "INGEST_CONSOLE_USERS_FILE is not set" in printed.stdout


def test_command_makes_nobody_in_vain(tmp_path: Path) -> None:
    """Without a password, or where the file cannot be, it says so and makes nothing."""
    file = tmp_path / "users"
    empty = ingest("console-user", "bob", "--password", "", INGEST_CONSOLE_USERS_FILE=str(file))
    assert (empty.returncode, file.exists()) == (2, False)
    assert "the password is empty" in empty.stderr
    lost = ingest("console-user", "bob", "--password", "s3", INGEST_CONSOLE_USERS_FILE=str(tmp_path / "none" / "users"))
    assert lost.returncode == 1
    assert lost.stderr.startswith("ingest: INGEST_CONSOLE_USERS_FILE="), "one line, no traceback"


def test_unmasking_ends(console: Console, connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator has asked for is shown for a while, and is recorded with the page; on no page that is none."""
    assert console.post(console.operator, "/unmask", page="/pushes?source=a").headers["location"] == "/pushes?source=a"
    recorded = connection.execute("SELECT operator, command, filter FROM airudder.actions").fetchall()
    expected = {"operator": "alice (console)", "command": "console unmask", "filter": {"page": "/pushes?source=a"}}
    assert recorded == [expected]
    assert "Mask personal data" in console.operator.get("/pushes").text
    monkeypatch.setattr(sessions, "UNMASKED_SECONDS", 0)
    console.post(console.operator, "/unmask", page="/pushes")
    assert "Show personal data" in console.operator.get("/pushes").text
    for none in ("/nothing", "/pushes?" + 3000 * "a", "https://elsewhere.example/"):
        assert console.post(console.operator, "/unmask", page=none).status_code == 422
