"""Numbering plans that countries have changed: a number of before and the one of today are the same person's.

Only where each number came to one of today and none was given away anew. libphonenumber knows today's plans alone.
"""

from __future__ import annotations

import re

MEXICO, BRAZIL, COLOMBIA, VIETNAM = 52, 55, 57, 84

_MEXICAN = re.compile(r"\+52(?:1|01|04[45])(\d{10})", re.ASCII)
"""Until 2019 a one stood in front of mobile numbers that were called from abroad, and others at home. No number of ten
digits begins so. libphonenumber no longer takes these for possible."""
_BRAZILIAN = re.compile(r"\+55(\d\d)([6-9]\d{7})", re.ASCII)
"""Until 2016 mobile numbers had eight digits. Each got a nine in front; fixed lines, which keep eight, begin with 2 to
5. WhatsApp still has many without the nine."""
_COLOMBIAN = re.compile(r"\+570?([124-8]\d{7})", re.ASCII)
"""Until 2021 fixed lines had a code of one digit. Each got 60 in front."""
_VIETNAMESE = re.compile(r"\+84(1[2689]\d)(\d{7})", re.ASCII)
_VIETNAMESE_TODAY = (
    {"120": "70", "121": "79", "122": "77", "126": "76", "128": "78"}
    | {"123": "83", "124": "84", "125": "85", "127": "81", "129": "82"}
    | {f"16{digit}": f"3{digit}" for digit in range(2, 10)}
    | {"186": "56", "188": "58", "199": "59"}
)
"""Until 2018 mobile numbers had ten digits behind the country's code; a code of three became one of two."""
_VIETNAMESE_FORMER = {today: former for former, today in _VIETNAMESE_TODAY.items()}

FIRST_DIGITS = r"521|55|57[124578]|576[1-9]|841"
"""Of numbers in E.164 that may be of before, as a pattern"""


def of_today(number: str) -> str:
    """The number, with + and its country's code, in the plan of today."""
    if match := _MEXICAN.fullmatch(number):
        return f"+52{match[1]}"
    if match := _BRAZILIAN.fullmatch(number):
        return f"+55{match[1]}9{match[2]}"
    if match := _COLOMBIAN.fullmatch(number):
        return f"+5760{match[1]}"
    match = _VIETNAMESE.fullmatch(number)
    today = _VIETNAMESE_TODAY.get(match[1]) if match else None
    return f"+84{today}{match[2]}" if match and today else number


def former(code: int, national: str) -> str | None:
    """How the national number of today was written before; None if it was not another one."""
    if code == MEXICO and re.fullmatch(r"\d{10}", national):
        return f"1{national}"
    if code == BRAZIL and re.fullmatch(r"\d\d9[6-9]\d{7}", national):
        return national[:2] + national[3:]
    if code == COLOMBIA and re.fullmatch(r"60[124-8]\d{7}", national):
        return national[2:]
    if code == VIETNAM and re.fullmatch(r"\d{9}", national) and national[:2] in _VIETNAMESE_FORMER:
        return _VIETNAMESE_FORMER[national[:2]] + national[2:]
    return None
