"""Tokens as they are written down, in the environment and in a file."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from pathlib import Path

import pytest

from ingest.errors import SettingError
from ingest.settings import load
from ingest.tokens import Token, append_to_file, item_of, make_secret, remove_from_file
from ingest.web.access import Access

SOMEBODY = 65534
"""A user who owns nothing"""


def token(source: str, secret: str) -> Token:
    """A token as settings keep it."""
    return Token(source, hashlib.sha256(secret.encode()).digest())


def of_file(path: Path, content: str) -> tuple[Token, ...]:
    """The tokens of a file with this content."""
    path.write_text(content)
    return load({"INGEST_TOKENS_FILE": str(path)}).tokens


def of_list(text: str) -> tuple[Token, ...]:
    """The tokens of INGEST_TOKENS."""
    return load({"INGEST_TOKENS": text}).tokens


def test_file_is_read(tmp_path: Path) -> None:
    """One item a line, with comments and blank lines; a secret in plain, or only its SHA-256."""
    hexadecimal = hashlib.sha256(b"beta").hexdigest()
    content = f"# the lender's\nlender-a=alpha\n\n  lender-a=sha256:{hexadecimal}\n#shop=old\nshop=th=ree\n"

    tokens = of_file(tmp_path / "tokens", content)

    assert tokens == (token("lender-a", "alpha"), token("lender-a", "beta"), token("shop", "th=ree"))


def test_mark_of_byte_order_is_no_name(tmp_path: Path) -> None:
    """Some editors begin a file with one."""
    assert of_file(tmp_path / "tokens", "\ufeffshop=alpha\n") == (token("shop", "alpha"),)


def test_file_adds_to_environment(tmp_path: Path) -> None:
    """Both count."""
    (tmp_path / "tokens").write_text("b=two\n")

    tokens = load({"INGEST_TOKENS": "a=one", "INGEST_TOKENS_FILE": str(tmp_path / "tokens")}).tokens

    assert tokens == (token("a", "one"), token("b", "two"))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "holds no source=secret"),
        ("# shop=s3cret\n", "holds no source=secret"),
        ("ok=1\ns3cret\n", "item 2 is not of the form source=secret"),
        ("shop=s3/cret\n", "the secret of item 1 has a / in it"),
        ("shop=s3cret # the old one\n", "the secret of item 1 has a space in it"),
        ("shop=s3cret\nlender=s3cret\n", "item 2 has the secret of another source"),
        ("shop=sha256:s3cret\n", "what follows sha256: in item 1 is not 64 hex digits"),
    ],
)
def test_bad_file_is_named_and_not_quoted(tmp_path: Path, content: str, error: str) -> None:
    """A file that cannot be used is an error with its name and place, without its text."""
    with pytest.raises(SettingError, match=r"^INGEST_TOKENS_FILE=") as caught:
        of_file(tmp_path / "tokens", content)

    assert error in str(caught.value)
    assert "s3" not in str(caught.value).replace(str(tmp_path), "")


def test_missing_file_does_not_open_the_door(tmp_path: Path) -> None:
    """A file that is not there is an error, and the endpoint counts as guarded."""
    current = load({"INGEST_TOKENS_FILE": str(tmp_path / "none"), "HOST": "0.0.0.0"})

    assert not current.is_open
    current.check_exposure()
    with pytest.raises(SettingError, match="cannot be read: FileNotFoundError"):
        _ = current.tokens


def test_new_secret_is_long_and_admitted(tmp_path: Path) -> None:
    """A secret that was made has 192 bits, is admitted by its item, and the item does not give it away."""
    secrets = {make_secret() for _ in range(100)}
    assert len(secrets) == 100
    secret = secrets.pop()
    assert len(secret) == 32

    item = item_of("shop", secret)

    assert secret not in item
    assert Access(of_file(tmp_path / "tokens", item)).source_of(secret, []) == "shop"


def test_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The first item makes the file, closed to others."""
    append_to_file(tmp_path / "tokens", "a=one", "2026-11-27")
    append_to_file(tmp_path / "tokens", "b=two", "2026-11-28")

    assert (tmp_path / "tokens").read_text() == "# made 2026-11-27\na=one\n# made 2026-11-28\nb=two\n"
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o600


def test_item_goes_on_a_line_of_its_own(tmp_path: Path) -> None:
    """A file that was edited by hand may lack its last line's end."""
    (tmp_path / "tokens").write_text("a=one")

    append_to_file(tmp_path / "tokens", "b=two", "2026-11-28")

    assert (tmp_path / "tokens").read_text() == "a=one\n# made 2026-11-28\nb=two\n"


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that is not there is an error with the variable to change."""
    with pytest.raises(SettingError, match="cannot be written: No such file"):
        append_to_file(tmp_path / "none" / "tokens", "a=one", "2026-11-28")


def test_day_is_of_the_next_line_alone(tmp_path: Path) -> None:
    """Lines that say no day are as good as ever, and other comments say nothing."""
    content = "a=1\n# made 2026-11-27\nb=2\nc=3\n# made 2026-11-28\n# the new one\nd=4\n#made 2026-11-28\n\ne=5\n"

    days = {token.source: token.made for token in of_file(tmp_path / "tokens", content)}

    assert days == {"a": None, "b": "2026-11-27", "c": None, "d": None, "e": "2026-11-28"}


def test_revoked_line_goes_with_its_day(tmp_path: Path) -> None:
    """Everything else stays as it is: other lines, comments, the file's mode, and a link to the file."""
    file, link = tmp_path / "real", tmp_path / "tokens"
    file.write_text("# lender's\n# made 2026-11-27\na=one\n# the shop\nb=two\n  a=one\n")
    file.chmod(0o640)
    link.symlink_to(file)
    (token_of_a, *_) = of_list("a=one")

    removed = remove_from_file(link, token_of_a.fingerprint)

    assert removed == [token_of_a] * 2
    assert file.read_text() == "# lender's\n# the shop\nb=two\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [file, link]


def test_last_line_is_not_revoked(tmp_path: Path) -> None:
    """Web would keep what it has, as a file without tokens is an error."""
    (tmp_path / "tokens").write_text("a=one\n")

    with pytest.raises(SettingError, match="would be empty"):
        remove_from_file(tmp_path / "tokens", of_list("a=one")[0].fingerprint)

    assert (tmp_path / "tokens").read_text() == "a=one\n"


def test_unwritable_file_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be put in its place leaves nothing behind."""
    (tmp_path / "tokens").write_text("a=one\nb=two\n")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SettingError, match="cannot be written: No space left"):
        remove_from_file(tmp_path / "tokens", of_list("a=one")[0].fingerprint)

    assert [path.name for path in tmp_path.iterdir()] == ["tokens"]
    assert (tmp_path / "tokens").read_text() == "a=one\nb=two\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_another_user_is_left_as_it_is() -> None:
    """Who cannot give the new file to the old one's owner makes none, even in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:  # in tmp_path nobody but root could get there
        file = Path(folder) / "tokens"
        file.write_text("a=one\nb=two\n")
        file.chmod(0o644)
        os.chown(folder, SOMEBODY, SOMEBODY)
        os.seteuid(SOMEBODY)
        try:
            with pytest.raises(SettingError, match="belongs to another user or group"):
                remove_from_file(file, of_list("a=one")[0].fingerprint)
        finally:
            os.seteuid(0)

        assert os.listdir(folder) == ["tokens"]
        assert file.read_text() == "a=one\nb=two\n"


def test_secret_of_two_owners_is_refused_across_both(tmp_path: Path) -> None:
    """One secret is one source's, wherever the two are written down; twice of the same source it may be."""
    both = {"INGEST_TOKENS": "a=one,b=two", "INGEST_TOKENS_FILE": str(tmp_path / "tokens")}
    (tmp_path / "tokens").write_text("a=one\nc=two\n")

    with pytest.raises(SettingError, match="item 2 has the secret of another source"):
        _ = load(both).tokens

    (tmp_path / "tokens").write_text("a=one\nb=two\n")
    assert len(load(both).tokens) == 4


@pytest.mark.parametrize(
    "item",
    [
        '"a=x',
        "'a=x",
        "a=x'",
        'a="x"',
        "\u201ca=x",
        "a=x\u201d",
        "\u00aba=x\u00bb",
        "a\u2019b=x",
        "a=x;b=y",
        "a b=x",
        "a\x00b=x",
        "a\u200bb=x",
        "#a=x",
        "a/b=x",
        "a\\=x",
        'a"b=x',
        "a" * 101 + "=x",
    ],
)
def test_odd_source_is_refused(item: str) -> None:
    """Quotes that an environment's file has kept, and what is no word, would become somebody's name for good."""
    with pytest.raises(SettingError, match=r"^INGEST_TOKENS: .*item 2 ") as caught:
        of_list(f"ok=1,{item}")

    assert item not in str(caught.value)


@pytest.mark.parametrize("name", ["INGEST_TOKENS", "INGEST_TOKENS_FILE", "PORT", "REDIS_URL", "DATABASE_URL", "HOST"])
@pytest.mark.parametrize("quotes", ['""', "''", "\u201c\u201d", "\u2018\u2019", "\u00ab\u00bb", "\u201e\u201c"])
def test_quotes_around_a_value_are_named(name: str, quotes: str) -> None:
    """Whatever the variable is: nothing that begins and ends with quotes is meant so."""
    with pytest.raises(SettingError, match=f"^{name} has quotes around its value"):
        load({name: f"{quotes[0]}a=x,b=y{quotes[1]}"})
