"""Codes of countries: which one a telephone number in E.164 begins with, and what numbers go on behind it."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata

MOST_DIGITS = 15
"""Of a number in E.164, its country's code among them"""
LENGTHS = range(len("+12345678"), len("+") + MOST_DIGITS + 1)
"""Characters of a text in E.164, with its plus"""


class Country(NamedTuple):
    """All that have one code, as the many of +1; `code` is empty where nobody has it."""

    code: str
    regions: tuple[str, ...]
    """ISO 3166-1 alpha-2; 001 is no country, as of satellites"""
    lengths: frozenset[int]
    """Of persons' numbers in E.164 with the plus; any where nobody has the code"""
    mobile: tuple[re.Pattern[str], ...]
    """How mobile numbers go on behind the code, a pattern a region"""


@functools.cache
def country_at(first_digits: str) -> Country:
    """The country of the code that three digits begin with. No code begins with another one."""
    codes = (first_digits[:length] for length in (1, 2, 3))
    return _country(next((code for code in codes if int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), ""))


@functools.cache
def _country(code: str) -> Country:
    if not code:
        return Country("", (), frozenset(LENGTHS), ())
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(code)]
    found = [PhoneMetadata.metadata_for_region_or_calling_code(int(code), region) for region in regions]
    plans = [plan for plan in found if plan]
    mobile = [plan.mobile.national_number_pattern for plan in plans if plan.mobile]
    return Country(
        code,
        regions,
        frozenset(len("+") + len(code) + length for plan in plans for length in _lengths(plan)),
        tuple(re.compile(pattern) for pattern in mobile if pattern),
    )


def _lengths(plan: PhoneMetadata) -> Collection[int]:
    """How long national numbers of persons are. Those of services are longer in many countries, as Singapore's 1800
    with ten digits: what is as long and no service's is a number with digits too many."""
    persons = (plan.fixed_line, plan.mobile, plan.voip, plan.personal_number, plan.pager)
    # By libphonenumber's rules none is as all are, and -1 is none.
    known = [kind.possible_length or _all(plan) for kind in persons if kind and kind.national_number_pattern]
    return [length for lengths in known for length in lengths if length > 0] or _all(plan)


def _all(plan: PhoneMetadata) -> Collection[int]:
    return plan.general_desc.possible_length if plan.general_desc else ()
