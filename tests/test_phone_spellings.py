"""How one telephone number may be spelt, and where in bytes it is mentioned."""

from __future__ import annotations

import pytest

from ingest.kinds.reading.phone_numbers import canonical_number
from ingest.kinds.reading.phone_spellings import mention_of, spellings

NUMBER = "+6281234567801"


@pytest.mark.parametrize(
    ("number", "spelt"),
    [
        ("+6281234567890", {"6281234567890", "006281234567890", "62081234567890", "081234567890", "626281234567890"}),
        (
            "+525512345678",
            {"525512345678", "00525512345678", "5215512345678", "005215512345678", "5205512345678", "52525512345678"},
        ),
        (
            "+5511987654321",
            {"5511987654321", "005511987654321", "551187654321", "00551187654321", "55011987654321", "011987654321"}
            | {"555511987654321"},
        ),
        (
            "+84321234567",
            {
                "84321234567",
                "0084321234567",
                "841621234567",
                "00841621234567",
                "840321234567",
                "0321234567",
                "8484321234567",
            },
        ),
        (
            "+576012345678",
            {"576012345678", "00576012345678", "5712345678", "005712345678", "5706012345678", "06012345678"},
        ),
        # In Spain nobody dials a zero: who is called 0612… lives in France.
        ("+34612345678", {"34612345678", "0034612345678", "340612345678", "3434612345678"}),
        ("+390612345678", {"390612345678", "00390612345678"}),
        ("+999123456789", {"999123456789"}),
        ("0812-3456-7890", {"081234567890"}),
        ("123456", set()),
        ("extension", set()),
    ],
)
def test_spellings(number: str, spelt: set[str]) -> None:
    """A number in E.164 may come in four ways, in two where a zero more makes it somebody else's, as in Italy; another
    one in its own."""
    assert spellings(number) == spelt


@pytest.mark.parametrize(
    "body",
    [
        b'{"phone": "+6281234567890"',
        b"6281234567890",
        b"(+62) 812 / 3456-7890;",
        b"tel:0812.3456.7890",
        b"p=%2B6281234567890&x",
        b"p=%206281234567890",
        b"[6281234567890, 1]",
        "+62 (0) 812 3456 7890".encode("utf-16"),
    ],
)
def test_mention_is_found(body: bytes) -> None:
    """However it is spelt, in whatever encoding, the number is found."""
    mention = mention_of(spellings(canonical_number("6281234567890")))
    assert mention
    assert mention.search(body)


@pytest.mark.parametrize("body", [b"62812345678901", b"16281234567890", b"81234567890", b"+62812345678 and 90", b""])
def test_other_numbers_are_not(body: bytes) -> None:
    """A longer number is somebody else's; one without country code and zero is one of another country."""
    mention = mention_of(spellings("+6281234567890"))
    assert mention
    assert not mention.search(body)


def test_nothing_to_look_for() -> None:
    """Too few digits mention nobody."""
    assert mention_of(spellings("123")) is None
