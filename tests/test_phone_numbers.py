"""Which person a text names, however people and spreadsheets write a telephone number."""

from __future__ import annotations

import random

import phonenumbers
import pytest

from ingest.kinds.reading.identifiers import DIGITS_LOST
from ingest.kinds.reading.phone_numbers import (
    EXTENSION,
    GUESSED,
    IN_NO_PLAN,
    NO_COUNTRY,
    NOT_A_NUMBER,
    SEVERAL,
    _number_of,
    canonical_number,
    is_settled,
    read_number,
)
from ingest.kinds.reading.phone_spellings import spellings

NUMBER = "+6281234567801"

SPELLINGS = [
    "+626281234567801",
    "626281234567801",
    "+62 62812 3456 7801",
    "+6262081234567801",
    "p:+6281234567801",
    "https://wa.me/6281234567801",
    "https://wa.me/6281234567801?text=halo%20123",
    "https://api.whatsapp.com/send?phone=6281234567801&text=halo",
    "https://api.whatsapp.com/send/?phone=%2B6281234567801",
    "%2B6281234567801",
    "<sip:+6281234567801@10.0.0.1>",
    "6281234567801@10.0.0.1",
    "<+6281234567801>",
    *("Tel. +6281234567801", "tel +62 812 3456 7801", "HP: 6281234567801", "WA 6281234567801", "No.: +6281234567801"),
    *("Mobile: +6281234567801", "Phone:+6281234567801", "Telp.: +62 812-3456-7801"),
    *("6281234567801.0/6281234567801.0", "Tel +6281234567801 / HP +6281234567801"),
    *("+6281234567801, +6281234567801", "+6281234567801 / 6281234567801", "6281234567801;+62 812-3456-7801"),
    "wa.me/6281234567801",
    "6281234567801:12@s.whatsapp.net",
    "6281234567801.000",
    *(
        "+6281234567801",
        "6281234567801",
        "62 812-3456-7801",
        "0062 812 3456 7801",
        "006281234567801",
        "+006281234567801",
    ),
    *("(62) 812 3456 7801", "(+62) 81234567801", "+62 (0) 812 3456 7801", "+62 0812 3456 7801", "62-0812-3456-7801"),
    *(
        "+62.812.3456.7801",
        "62/812/34567801",
        "+62 812 _ 3456~7801",
        "+ 62 81234567801",
        "++6281234567801",
        "-6281234567801",
    ),
    *("tel:+6281234567801", "TEL: +62-812-3456-7801", "callto://+6281234567801", "81234567801;phone-context=+62"),
    *("sip:+6281234567801@example.com", "sip:6281234567801@10.0.0.1:5060;user=phone", "6281234567801@s.whatsapp.net"),
    *("whatsapp:+6281234567801", "'+6281234567801", '="6281234567801"', "=+6281234567801", '"6281234567801"'),
    *(
        "\u20186281234567801",
        "\u201c+6281234567801\u201d",
        "[6281234567801]",
        "6281234567801;",
        "6281234567801,",
        "6281234567801.",
    ),
    *("6281234567801.0", "6281234567801.00", "6281234567801,0", "6,281,234,567,801", "6,281,234,567,801.00"),
    *("6.281.234.567.801,00", "6'281'234'567'801", "6.281234567801E12", "6.281234567801e+12", "6,2812345678010E+12"),
    *("+62\u00a0812\u00a03456\u00a07801", "+62\u202f812\u30003456 7801", "+62\u200b812\ufeff3456\u00ad7801"),
    *(
        "\u202a+6281234567801\u202c",
        "\u200e+6281234567801",
        "62\u2010812\u20113456\u20127801",
        "62\u2013812\u20143456\u20157801",
    ),
    *("62\u2212812\u22123456\u22127801", "\uff0b\uff16\uff1281234567801", "\uff08+62\uff0981234567801"),
    *(
        "+\u0666\u0662\u0668\u0661234567801",
        "\u096c\u0968\u096e\u0967234567801",
        "\t6281234567801\r\n",
        "62\t81234567801",
    ),
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_spellings_are_one_person(text: str) -> None:
    """However people, programs and spreadsheets write the number, it is the same one, without a warning."""
    assert read_number(text) == (NUMBER, None)


@pytest.mark.parametrize(
    "end", ["x123", " x 123", " ext. 5", " ext 5", ";ext=5", " extension: 12", "#7", ",,1#", " p12"]
)
def test_extension_is_left_out(end: str) -> None:
    """The robot dials the number, whoever sits behind it."""
    assert read_number(f"+62 812 3456 7801{end}") == (NUMBER, EXTENSION)


@pytest.mark.parametrize("copy", [" (2)", " (1)", "(12)", " - 2", " -2", "-1", "_1", " 2"])
@pytest.mark.parametrize("plus", ["+", ""])
def test_which_of_several_it_is_is_left_out(plus: str, copy: str) -> None:
    """What a program or a person puts behind a number that is there twice is no digit of it. Where it may be one, as no
    bracket is around it and the number may be longer, both are somebody's."""
    assert read_number(f"{plus}14155552671{copy}") == ("+14155552671", EXTENSION)
    is_clear = copy.endswith(")")
    assert read_number(f"{plus}{NUMBER[1:]}{copy}") == ((NUMBER, EXTENSION) if is_clear else (None, SEVERAL))


def test_which_of_several_it_is_of_one_without_country() -> None:
    """Only in brackets, as nobody knows how long such a number is."""
    assert read_number("0812-3456-7801 (2)") == ("081234567801", NO_COUNTRY)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+62 81 23 45 67 80 1", NUMBER),
        ("+62 81-23-45-67-80-1", NUMBER),
        ("+62 812 3456 (7801)", NUMBER),
        ("+1 415 555 267 1", "+14155552671"),
        ("+49 30 12345-0", "+4930123450"),
        ("+49 30 12345-67", "+49301234567"),
        ("+49 30 12 34 56 7", "+49301234567"),
        ("+49 6221 54/2345", "+496221542345"),
        ("+43 316 873/6000", "+433168736000"),
        ("+39 06 1234/5678", "+390612345678"),
    ],
)
def test_last_digits_may_stand_apart(text: str, number: str) -> None:
    """They are the number's own where people part numbers so."""
    assert read_number(text) == (number, None)


def test_java_leaves_zeros_out() -> None:
    """Of a number that it has as an amount."""
    assert read_number("6.28123456781E12") == ("+6281234567810", None)
    assert read_number("6.2812345679E12") == ("+6281234567900", None)
    assert read_number("6281234567801 (2) / 6281234567801 (2)") == (NUMBER, EXTENSION)


NOBODY: dict[str, list[str]] = {
    DIGITS_LOST: [
        *("6.28123E+12", "6,28123E+12", "6.28123e12", "6.28E+12", "6E+12", "+6.28123E+12", "'6.28123E+12", "628123E+7"),
        *("6.28123457E+12", "6.281234568E12"),
        # Of Python 2, which shows twelve digits, and what no program writes
        *("6.2812345678e+12", "6.28123456781e+12", "6.28123456780E12", "6281234567801e1", "62812345678E2"),
        *("6.28123456781E15", "6.281234567801/6.281234567801"),
        *("6.281234567801", "6281234567801.5", "6.281234567801E+15", "6.2812345678015E+12"),
    ],
    SEVERAL: [
        *("+6281234567801 / +6281234567802", "081234567801/081234567802", "6281234567801,6281234567802"),
        *("6281234567801; 6281234567802", "6281234567801 & 6281234567802", "6281234567801|6281234567802"),
        *("6281234567801-2, 6281234567801-2", "6281234567801.0/6281234567802.0"),
        *("+6281234567801, +6281234567801, +6281234567802", "081234567801/+6281234567801"),
        *("+62 21 5551234/35", "+62 21 5551234/5", "62 812-3456-7890 / 91", "(021) 555 1234/35", "6281234567801/7802"),
    ],
    NOT_A_NUMBER: [
        *(
            "unknown",
            "N/A",
            "null",
            "None",
            "nan",
            "-",
            "--",
            "+",
            "?",
            "0",
            "00000000",
            "0000-000-000",
            "+62000000000",
        ),
        # Typed where a form demands a number, which may put a code in front.
        *(
            "1234567890",
            "+1234567890",
            "123456789",
            "1234567890 (2)",
            "+1234567890 (2)",
            "1234567890/1",
            "1234567890-1",
        ),
        *("+6299999999999 (2)", "+65999999999", "+6099999999999"),
        *("+6299999999999", "+621111111111", "6299999999999", "0062 9999 9999 999"),
        *("1111111111", "+9999999999", "110", "112", "1", "+62+81234567801", "62+81234567801", "0x6281234567801"),
        *(
            "+6281234567801 +6281234567802",
            "081234567801 081234567802",
            "+999999999999999999",
            "9" * 20,
            "+12",
            "+62 81",
        ),
        # Letters are keys of a telephone, or a name: of the second ok are two digits more.
        *("1-800-FLOWERS", "+62812345678 ok", "call +6281234567801 now", "Budi 6281234567801", "6281234567801 (Budi)"),
        *("6281234567801@example.com", "budi@example.com", "<b>6281234567801</b>", "=cmd|'/c calc'!A1", "*123#"),
        *("2026-11-28", "28/11/2026", "11/28/2026", "1.2.1990", "2026/1/2"),
        *("62812345678\u00b2", "6281234567801E-3", "\u200b", "0812, 3456, 78"),
    ],
}


@pytest.mark.parametrize(("problem", "text"), [(problem, text) for problem, texts in NOBODY.items() for text in texts])
def test_what_may_be_anybodys_names_nobody(problem: str, text: str) -> None:
    """Two people are never made one by what is left of their numbers, or stands in their place."""
    assert read_number(text) == (None, problem)
    assert spellings(text) == frozenset()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("081234567801", "081234567801"),
        ("0812-3456-7801", "081234567801"),
        ("012-345 6789", "0123456789"),  # Malaysia's
        ("'0812 3456 7801", "081234567801"),
        ("(021) 555-1234", "0215551234"),
        ("+081234567801", "081234567801"),
        ("5551234", "5551234"),
        ("99912345678", "99912345678"),
        ("20-34-2056", "20342056"),
        # Of eight digits in India, and ten in Iran, none can be dialled from abroad.
        ("91234567", "91234567"),
        ("9812345678", "9812345678"),
        ("571 234 5678", "5712345678"),  # Colombia's until 2021, or North America's
    ],
)
def test_number_without_country_is_kept(text: str, number: str) -> None:
    """Nobody knows whose it is in another country, which is warned of."""
    assert read_number(text) == (number, NO_COUNTRY)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2727812345", "+2727812345"),  # nobody's in South Africa, North America's
        ("81234567890", "+81234567890"),  # Japan's, or Indonesia's without its zero
        ("8112345678", "+8112345678"),  # nobody's in Japan, Mexico's
        ("11987654321", "+11987654321"),  # nobody's in North America, Brazil's
        ("4930123456", "+4930123456"),
        ("6212345678", "+6212345678"),
        ("507-555-1234", "+5075551234"),  # Panama's, or North America's with its area
        ("(62) 99999-1234", "+62999991234"),  # nobody's in Indonesia, Brazil's
        ("55 1234 5678", "+5512345678"),  # nobody's in Brazil, Mexico's
        # Somebody's, or Indonesia's that has lost its zero,
        *(("85261234567", "+85261234567"), ("82112345678", "+82112345678"), ("852 6123 4567", "+85261234567")),
        # or with an area that is set apart.
        *(("(51) 98765-4321", "+51987654321"), ("479-555-1234", "+4795551234"), ("659-555-1234", "+6595551234")),
    ],
)
def test_country_that_is_not_said_is_a_guess(text: str, number: str) -> None:
    """Digits that begin as a country's code may be dialled so in another country."""
    assert read_number(text) == (number, GUESSED)
    # With a plus it is no guess; of these two no person has so short a number.
    is_short = number in ("+8112345678", "+5512345678")
    assert read_number(number) == (number, IN_NO_PLAN if is_short else None)


@pytest.mark.parametrize(
    "text",
    [
        "6281234567801",
        "622155512345",
        "33612345678",
        "14155552671",
        "7 (495) 123-45-67",
        "51 987 654 321",
        "6591234567",
        "84912345678",
        "(62) 812-3456-7801",
    ],
)
def test_country_that_can_hardly_be_another_is_none(text: str) -> None:
    """A mobile number, one that is too long without its country, or one whose code stands apart."""
    assert read_number(text).problem is None


@pytest.mark.parametrize("text", ["", "  ", "\u00a0"])
def test_nothing_is_no_number(text: str) -> None:
    """Nothing is not warned of."""
    assert read_number(text) == (None, None)


PLANS: dict[str, list[str]] = {
    # Mexico had a one in front of mobile numbers until 2019.
    "+525512345678": [
        "+5215512345678",
        "+52 1 55 1234 5678",
        "52 55 1234 5678",
        "+52 044 55 1234 5678",
        "5215512345678",
        "+52 (0)55 1234 5678",
    ],
    # Brazil's mobile numbers got a nine in front until 2016,
    "+5511987654321": ["+551187654321", "+55 11 8765-4321", "55 (11) 98765-4321", "+55 011 98765 4321"],
    # and fixed lines did not.
    "+551123456789": ["+55 11 2345-6789", "551123456789", "+55 (011) 2345-6789"],
    # Colombia's fixed lines got a 60 in front in 2021, and Vietnam's mobile numbers shorter codes in 2018.
    "+576012345678": ["+57 1 234 5678", "+57 (601) 234 5678", "+57 601 2345678"],
    "+84321234567": ["+84 162 123 4567", "+84 0162 123 4567", "841621234567", "0084 1621234567", "+84 32 123 4567"],
    "+84591234567": ["+84 199 123 4567"],
    # A zero is dialled at home in many countries, and not in these.
    "+573001234567": ["+57 (0)300 123 4567"],
    "+6591234567": ["+65 (0)9123 4567"],
    "+56987654321": ["+56 (0)9 8765 4321"],
    "+393471234567": ["+39 0 347 1234567"],
    "+390612345678": ["+39 06 1234 5678", "+39 (06) 12345678", "00390612345678"],
    "+14155552671": ["+1 (415) 555-2671", "+1 1 415 555 2671", "+114155552671", "1-415-555-2671"],
    "+74951234567": ["+7 8 495 123-45-67", "+784951234567", "7 (495) 123-45-67"],
    "+78001234567": ["+7 800 123-45-67"],
    # Argentina's mobile numbers have a 15 at home, and a nine from abroad.
    "+5491123456789": ["+54111523456789", "54111523456789", "+54 11 15 2345 6789", "54 9 11 2345-6789"],
    # A carrier that is chosen for the call is no part of a number, nor is San Marino's area code always said.
    "+8613912345678": ["+8617911 139 1234 5678", "86 139 1234 5678"],
    "+3780549886377": ["+378 886377", "+378 0549 886377"],
    "+99912345678": ["+999 12345 678"],
}


@pytest.mark.parametrize(("number", "text"), [(number, text) for number, texts in PLANS.items() for text in texts])
def test_countries_have_their_own_ways(number: str, text: str) -> None:
    """What is dialled at home only, or was until a country changed its numbers, is no part of a number."""
    assert read_number(text) == (number, None)
    assert read_number(number) == (number, None)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS - {"TA"}))  # which has no mobile numbers
def test_code_that_stands_there_twice_is_one(region: str) -> None:
    """As from a formula that puts the code before a cell that has it; unless somebody has the long number."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert example, region
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    twice = f"+{example.country_code}{number[1:]}"
    is_somebodys = phonenumbers.is_valid_number(phonenumbers.parse(twice))
    is_long = len("+12345678901") < len(twice) <= len("+123456789012345")  # a shorter one may be another country's
    if is_long and not is_somebodys:
        assert read_number(twice) == (canonical_number(number), None)


def test_length_that_a_country_does_not_have_is_warned_of() -> None:
    """It may be a new one, so it is kept."""
    assert read_number("+8410000000000") == ("+8410000000000", IN_NO_PLAN)
    assert read_number("+999123456789") == ("+999123456789", None)
    assert read_number("+290 29011234") == ("+29029011234", IN_NO_PLAN)


@pytest.mark.parametrize(
    "number",
    [
        *("+659123456", "+659123456789", "+141555526711", "+1415555267", "+628123456780136"),
        "+15552671",  # as it is dialled within a city
    ],
)
def test_length_is_warned_of_in_any_spelling(number: str) -> None:
    """One that needs no reading is as suspect as one in groups."""
    assert not is_settled(number)
    assert read_number(number) == read_number(f"{number[:3]} {number[3:6]} {number[6:]}") == (number, IN_NO_PLAN)


def test_service_of_another_length_is_no_fault() -> None:
    """It is in the plan, though no person has it."""
    assert read_number("+6518001234567") == ("+6518001234567", None)


def test_one_that_needs_no_reading_is_read_as_itself() -> None:
    """Of each country, and whatever its first digits are there."""
    chance = random.Random(7)
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        for first in range(100):
            text = f"+{code}{first:02}{chance.randrange(10**9)}"
            if is_settled(text):
                assert _number_of(text).number == text


@pytest.mark.parametrize(
    "number",
    [NUMBER, "+5511987654321", "+551123456789", "+5491123456789", "+525512345678", "+14155552671"],
)
def test_most_numbers_need_no_reading(number: str) -> None:
    """One in E.164 is not taken apart."""
    assert is_settled(number)
