"""Telephone numbers: which person a text names, however people and spreadsheets write it.

A number is read only where it can be one person's alone. A text that may be anybody's names nobody.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

import phonenumbers

from ingest.kinds.reading.identifiers import DIGITS_LOST
from ingest.kinds.reading.keyboard import on_keyboard
from ingest.kinds.reading.phone_cells import of_cell
from ingest.kinds.reading.phone_codes import MOST_DIGITS, country_at
from ingest.kinds.reading.phone_labels import bare
from ingest.kinds.reading.phone_plans import FIRST_DIGITS, of_today

E164 = re.compile(r"\+[1-9]\d{7,14}", re.ASCII)
_COUNTRY_CODES = "|".join(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_TWICE = "|".join(f"{code}{code}"[:4] for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
_MAY_DIFFER = re.compile(
    rf"(?:{_COUNTRY_CODES})0|{_TWICE}|78|3606|3708|3758|9938|4418|6118|861[127]|2981|3521|4231|5061|6921|378[89]|261"
    rf"|672|54|{FIRST_DIGITS}|(\d)\1\1\1",
    re.ASCII,
)
"""First digits of what may have another spelling in E.164: behind the country code stands what is dialled at home only,
as the zero in +62 0812 …, the one of +1 1 415 … or the eight of +7 8 495 …, or the code again. Or the country has
changed its plan, or libphonenumber knows more: Argentina's 15, codes of carriers, area codes that islands leave out."""
MIN_DIGITS = 7
"""Fewer may be anything: an amount, a part of an id."""
_MIN_LOCAL_DIGITS = 5
"""No country has shorter numbers of subscribers but a few islands."""
MAX_LENGTH = 64
"""Characters of a text that may be a number"""

NOT_A_NUMBER = "not a telephone number: it names nobody"
SEVERAL = "several telephone numbers: they name nobody"
NO_COUNTRY = "a telephone number without its country"
IN_NO_PLAN = "a telephone number of a length that its country does not have"
EXTENSION = "an extension, which is left out"
GUESSED = "a telephone number without + or 00: its country is a guess"

_NO_DIGITS = re.compile(r"[^0-9]+")
_BETWEEN = re.compile(r"[ ().\-/_~]+")
_WITH_EXTENSION = re.compile(
    r"(.*\d)\)?(?:\s*[;,]?\s*(?:ext|extn|extension|x|#)[.:=]?\s*\d{1,11}|\s*[,;pw]+\d{1,6}#?)", re.ASCII | re.IGNORECASE
)
_WITH_NUMBER_OF_COPY = re.compile(r"(.*\d)\s*\(\d\d?\)", re.ASCII)
_WITH_COPY = re.compile(r"(.*\d)\s+[-_]\s*\d|([^-_]*\d)[-_]\d|(\S*\d)\s+\d", re.ASCII)
"""Which of several it is, as in 6281234567801 (2), … - 2 or …-2; not the last digit of a number in pairs"""
_WITH_SECOND_LINE = re.compile(r"([^/]*\d)\s*/\s*(\d{1,4})", re.ASCII)
"""The end of another number, as in (021) 555 1234/35"""
_WITH_LINE_OR_COPY = re.compile(r"(.*\d{3}\s*)[-_]\s*\d\d?|(\+?\d{7,})\s+\d\d?", re.ASCII)
"""Either, as in 555 1234-35, behind too many digits for a number in pairs, 53-00"""
_MORE = re.compile(r"[\s(/_-]+\d\d?\)?$", re.ASCII)
_IN_DASHES = re.compile(r".*[-_].*(?<!\d)\d{3,4}[-_]\d\d?", re.ASCII)
"""In groups of three or four with a rest, as in 812-345-678-01"""
_DIRECTLY_DIALLED = frozenset(("43", "49", "352"))
"""Codes of Austria, Germany and Luxembourg: what stands behind a fixed line's dash is dialled with it, 12345-67."""
_BETWEEN_NUMBERS = re.compile(r"[,;|&/]")
_FIRST_GROUP = re.compile(r"[^0-9(]*([1-9]\d{0,2})[^0-9)]", re.ASCII)
_BEGINS_WITH_AREA = re.compile(r"\D*\d{3}\D+\d{3}\D+\d{4}|\s*\(\d{2,3}\).*", re.ASCII)
"""As people write it in North America, and in brackets elsewhere"""
_MOBILE = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
_MOST_AT_HOME = 11
"""Digits of nearly any number without its country"""
_INDONESIA = "62"
_OF_MONTH, _OF_DAY, _OF_YEAR = "(?:0?[1-9]|1[0-2])", "(?:0?[1-9]|[12][0-9]|3[01])", "(?:19|20)[0-9]{2}"
_DATE = re.compile(
    rf"{_OF_YEAR}([-/.]){_OF_MONTH}\1{_OF_DAY}"
    rf"|{_OF_DAY}([-/.]){_OF_MONTH}\2{_OF_YEAR}|{_OF_MONTH}([-/.]){_OF_DAY}\3{_OF_YEAR}"
)
_PLACEHOLDER = re.compile(rf"(?:{_COUNTRY_CODES})?0+|(\d)\1+|1234567890?", re.ASCII)
"""What is typed where a form demands a number"""
_ALIKE = re.compile(rf"\+(?:{_COUNTRY_CODES})(\d)\1+", re.ASCII)
"""The same, where the form puts a country's code in front; in Singapore 8888 8888 may be somebody's."""
_ENDS_ALIKE = frozenset(digit * 4 for digit in "0123456789")
"""Of all such: a number with another end needs not be asked"""
_OF_TODAY = re.compile(
    r"\+(?:55[1-9]\d(?:9\d{8}|[2-5]\d{7})|549\d{10}|77\d{9}|91[6-9]\d{9}|84[35789]\d{8}|66[689]\d{8})", re.ASCII
)
"""Of Brazil, Argentina, Kazakhstan, India, Vietnam and Thailand, as nearly all of theirs are"""


class Reading(NamedTuple):
    """Whom a text names, and what is to be warned of."""

    number: str | None
    """E.164, or digits alone where the country is not said"""
    problem: str | None = None


def is_settled(text: str) -> bool:
    """Whether it is in E.164, of a length that its country has, and has no other spelling there, as most are: then
    nothing is to be read, and nothing to be warned of."""
    is_one = E164.fullmatch(text) is not None and text[-4:] not in _ENDS_ALIKE
    return is_one and (len(text) in _lengths_alone(text[1:5]) or _OF_TODAY.fullmatch(text) is not None)


@functools.cache
def _lengths_alone(first_digits: str) -> frozenset[int]:
    """How long a text in E.164 is that begins so and has no other spelling."""
    return frozenset() if _MAY_DIFFER.match(first_digits) else country_at(first_digits[:3]).lengths


def read_number(text: str) -> Reading:
    """The number that a text spells; none, and why, where it spells none, several or only a part of one."""
    stripped = text.strip()
    if is_settled(stripped):
        return Reading(stripped)
    if len(stripped) > MAX_LENGTH:
        return Reading(None, f"a telephone number of more than {MAX_LENGTH} characters")
    return _read(stripped) if stripped else Reading(None)


@functools.lru_cache(maxsize=10_000)
def _read(text: str) -> Reading:
    plain = bare(on_keyboard(text))
    if (digits := of_cell(plain)) is not None:
        return _number_of(digits) if digits else Reading(None, DIGITS_LOST)
    parts = _BETWEEN_NUMBERS.split(plain)
    if sum(len(digits_of(part)) >= MIN_DIGITS for part in parts) > 1:
        # One person is often named twice, as for calls and for messages.
        said = {_read(part.strip()) for part in parts}
        return said.pop() if len(said) == 1 else Reading(None, SEVERAL)
    if match := _WITH_EXTENSION.fullmatch(plain):
        number, problem = _number_of(match[1])
        return Reading(number, problem or EXTENSION)
    return _with_more(plain) or _number_of(plain)


def _with_more(text: str) -> Reading | None:
    """What a number with one or few digits behind it spells: nobody, where it may be a number with them and without.
    None if they are the number's own."""
    front = digits_of(_MORE.sub("", text))
    if len(front) >= MIN_DIGITS and (_PLACEHOLDER.fullmatch(front) or _is_typed_in(f"+{front}")):
        return Reading(None, NOT_A_NUMBER)
    if match := _WITH_SECOND_LINE.fullmatch(text):
        number = _number_of(match[1]).number or ""
        is_short = len(match[2]) <= 2 and len(digits_of(number)) >= MIN_DIGITS
        is_longer = _valid_type(number) is not None and _valid_type(_number_of(text).number or "") is None
        return Reading(None, SEVERAL) if is_short or is_longer else None
    if match := _WITH_NUMBER_OF_COPY.fullmatch(text):
        first = _number_of(match[1])
        return first._replace(problem=first.problem or EXTENSION) if first.number else None
    copy, either = _WITH_COPY.fullmatch(text), _WITH_LINE_OR_COPY.fullmatch(text)
    match = copy or either
    return _with_digits(text, match[match.lastindex or 1], is_copy=not either) if match else None


def _with_digits(text: str, front: str, *, is_copy: bool) -> Reading | None:
    """The same of a text with one digit or two behind a dash or a space, and of what is in front of them."""
    number, problem = _number_of(front)
    is_in_dashes = _IN_DASHES.fullmatch(text) is not None
    if problem == NO_COUNTRY:  # nobody can tell how long its numbers are
        is_doubtful = len(digits_of(front)) >= _MOST_AT_HOME and not is_in_dashes
        return Reading(None, SEVERAL) if is_doubtful else None
    kind = _valid_type(number or "")
    if not number or kind is None or (is_copy and kind not in _MOBILE):
        return None
    whole = _number_of(text).number or ""
    is_one = _valid_type(whole) is not None
    # A part of a number may be another one by itself, on an island that leaves its area code out.
    is_part = whole.startswith(number) and len(number) > len("+") + MIN_DIGITS
    is_dialled = not is_part or country_at(number[1:4]).code in _DIRECTLY_DIALLED
    if is_one and (is_in_dashes or (is_dialled and kind not in _MOBILE)):
        return None
    is_clear = not (is_one or is_in_dashes or text[-2].isdigit())
    return Reading(number, problem or EXTENSION) if is_clear else Reading(None, SEVERAL)


def _valid_type(number: str) -> int | None:
    """What kind of line has a number in E.164, of `phonenumbers.PhoneNumberType`; None if nobody can have it."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    found = phonenumbers.number_type(parsed)
    return None if found == phonenumbers.PhoneNumberType.UNKNOWN else found


def _number_of(text: str) -> Reading:
    compact = _BETWEEN.sub("", text)
    digits = compact.lstrip("+")
    if not (digits.isdecimal() and digits.isascii()) or _PLACEHOLDER.fullmatch(digits) or _DATE.fullmatch(text):
        return Reading(None, NOT_A_NUMBER)
    is_international = compact[0] == "+" and digits[0] != "0"
    has_code = is_international or digits.startswith("00")
    found = _in_e164("+" + (digits[2:] if digits.startswith("00") else digits), has_code)
    if found:
        if _is_typed_in(found):
            return Reading(None, NOT_A_NUMBER)
        if not (has_code or _is_surely_of(found, digits, text)):
            return Reading(found, GUESSED)
        is_one = len(found) in country_at(found[1:4]).lengths or _valid_type(found) is not None
        return Reading(found, None if is_one else IN_NO_PLAN)
    if is_international:
        # A country code that nobody has yet, or a length that is new, is no reason to lose a person.
        problem = IN_NO_PLAN if country_at(digits[:3]).code else None
        is_one = E164.fullmatch(f"+{digits}") is not None and not _is_typed_in(f"+{digits}")
        return Reading(f"+{digits}", problem) if is_one else Reading(None, NOT_A_NUMBER)
    is_local = _MIN_LOCAL_DIGITS <= len(digits) <= MOST_DIGITS
    return Reading(digits, NO_COUNTRY) if is_local else Reading(None, NOT_A_NUMBER)


def _is_typed_in(number: str) -> bool:
    """Whether one digit is all that stands behind a country's code, and nobody can have such a number there."""
    return _ALIKE.fullmatch(number) is not None and _valid_type(number) is None


def _is_surely_of(number: str, digits: str, text: str) -> bool:
    """Whether digits without a plus are this number, and hardly those that another country dials so at home."""
    if len(digits) <= _MOST_AT_HOME and (_BEGINS_WITH_AREA.fullmatch(text) or _is_indonesian(digits)):
        return False
    # Most are mobile numbers, and this is asked in a tenth of the time.
    country = country_at(number[1:4])
    if any(mobile.fullmatch(number, len("+") + len(country.code)) for mobile in country.mobile):
        return True
    kind = _valid_type(number)
    return kind in _MOBILE or (kind is not None and (len(digits) > _MOST_AT_HOME or _says_code(text)))


def _is_indonesian(digits: str) -> bool:
    """Whether they are a mobile number of Indonesia's that has lost its zero in a sheet: 852… is Hong Kong's as well,
    and 821… Korea's."""
    return any(mobile.fullmatch(digits) for mobile in country_at(_INDONESIA).mobile)


def _says_code(text: str) -> bool:
    """Whether its first digits, set apart, are a country's code."""
    match = _FIRST_GROUP.match(text)
    return match is not None and int(match[1]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE


def _in_e164(international: str, has_code: bool) -> str | None:
    """None if the numbering plan of its country has no number of this length. `has_code`: it was written with + or 00;
    else its first digits may be no country's, and eight digits that India dials within a city alone are nobody's."""
    today = of_today(international)
    if today != international and not has_code and len(international) <= len("+") + _MOST_AT_HOME:
        return None
    try:
        parsed = _meant(today)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    is_local = possible == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY and not has_code
    if is_local or not phonenumbers.is_possible_number(parsed):
        return None
    return of_today(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _meant(international: str) -> phonenumbers.PhoneNumber:
    """What a number is that nobody can have, as its code stands there twice, or a zero behind it that is dialled in
    other countries alone. NumberParseException if it has no country's code."""
    parsed = phonenumbers.parse(international)
    code = str(parsed.country_code)
    national = international[1 + len(code) :]
    bare = national.lstrip("0")
    is_twice = bare.startswith(code) and len(code + bare) > _MOST_AT_HOME
    if not (is_twice or bare != national) or phonenumbers.is_valid_number(parsed):
        return parsed
    try:
        once = phonenumbers.parse(f"+{bare}" if is_twice else f"+{code}{bare}")
    except phonenumbers.NumberParseException:
        return parsed  # too short for a number
    is_meant = phonenumbers.number_type(once) in _MOBILE if is_twice else phonenumbers.is_valid_number(once)
    return once if is_meant else parsed


def canonical_number(number: str) -> str:
    """The number as it is stored; the text itself if it names nobody."""
    return read_number(number).number or number


def digits_of(number: str) -> str:
    """Its digits alone."""
    return _NO_DIGITS.sub("", number)
