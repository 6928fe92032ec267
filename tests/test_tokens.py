"""Tokens as they are written down, in the environment and in a file."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from ingest.access import Access
from ingest.errors import SettingError
from ingest.settings import load
from ingest.tokens import Token, append_to_file, item_of, make_secret


def token(source: str, secret: str) -> Token:
    """A token as settings keep it."""
    return Token(source, hashlib.sha256(secret.encode()).digest())


def of_file(path: Path, content: str) -> tuple[Token, ...]:
    """The tokens of a file with this content."""
    path.write_text(content)
    return load({"INGEST_TOKENS_FILE": str(path)}).tokens


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
    assert "s3" not in str(caught.value)


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
    append_to_file(tmp_path / "tokens", "a=one")
    append_to_file(tmp_path / "tokens", "b=two")

    assert (tmp_path / "tokens").read_text() == "a=one\nb=two\n"
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o600


def test_item_goes_on_a_line_of_its_own(tmp_path: Path) -> None:
    """A file that was edited by hand may lack its last line's end."""
    (tmp_path / "tokens").write_text("a=one")

    append_to_file(tmp_path / "tokens", "b=two")

    assert (tmp_path / "tokens").read_text() == "a=one\nb=two\n"


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that is not there is an error with the variable to change."""
    with pytest.raises(SettingError, match="cannot be written: No such file"):
        append_to_file(tmp_path / "none" / "tokens", "a=one")
