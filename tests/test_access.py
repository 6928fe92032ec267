"""Credentials; their way over HTTP is in test_endpoint."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.settings import load
from ingest.tokens import digest_of, fingerprint
from ingest.web.access import OPEN_SOURCE, Access

GUARDED = Access(load({"INGEST_TOKENS": "lender-a=alpha,lender-a=alpha-2,shop=s3cret"}).tokens)


def test_open_endpoint_has_default_source() -> None:
    """Without tokens everything comes from the source `default`, whatever credential it brings."""
    assert Access(()).source_of("anything", [(b"authorization", b"Bearer x")]) == OPEN_SOURCE


def test_each_secret_has_its_source() -> None:
    """Either secret of a source is good for it while one replaces the other."""
    sources = [GUARDED.source_of(secret, []) for secret in ("alpha", "alpha-2", "s3cret")]
    assert sources == ["lender-a", "lender-a", "shop"]


def test_used_secrets_are_told_once() -> None:
    """Which right secrets have come is told by fingerprint, each time those since the last time; wrong ones are not."""
    access = Access(load({"INGEST_TOKENS": "a=alpha,a=alpha-2,shop=s3cret"}).tokens)
    for secret in ("alpha-2", "alpha-2", "wrong", "s3cret"):
        access.source_of(secret, [])

    assert sorted(access.take_used()) == sorted(fingerprint(digest_of(one)) for one in (b"alpha-2", b"s3cret"))
    assert access.take_used() == []


@given(st.binary())
def test_no_header_breaks_it(value: bytes) -> None:
    """A malformed header is a wrong credential, never an error."""
    assert GUARDED.source_of(None, [(b"authorization", value)]) in (None, "lender-a", "shop")


@given(st.text(st.characters(codec=None)))
@example("\ud800")
@example("\udcff")
def test_no_path_breaks_it(token: str) -> None:
    """A malformed path is a wrong credential, never an error."""
    assert GUARDED.source_of(token, []) in (None, "lender-a", "shop")
