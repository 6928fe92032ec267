"""Cells: what spreadsheets and programs show of a telephone number that they took for an amount."""

from __future__ import annotations

import re

from ingest.kinds.reading.phone_codes import MOST_DIGITS

_FROM_CELL = re.compile(
    r"(\+?)(?:(?P<plain>\d{7,})(?:[.,]0+)?|(?P<grouped>\d{1,3}(?:(?P<mark>[,.'])\d{3})(?:(?P=mark)\d{3})+)(?:[.,]0{1,2})?)",
    re.ASCII,
)
"""6281234567801.0 or 6,281,234,567,801: a spreadsheet's number"""
_WITH_POINT = re.compile(r"[+-]?(\d+)[.,]?(\d*)e\+?(\d{1,3})", re.ASCII | re.IGNORECASE)
NUMBER_DIGITS = 11
"""So many Java writes only if it writes all but the zeros at the end: 6281234567810 is 6.28123456781E12"""
_OF_JAVA = re.compile(rf"(\d)\.(\d{{{NUMBER_DIGITS - 2},}}[1-9])E(\d\d)", re.ASCII)
"""Others write a plus: sheets, which show six digits, and Python 2, which shows twelve"""
_FRACTION = re.compile(r"[+-]?(?:\d[.,]\d+|\d{7,}[.,]\d{1,2})", re.ASCII)


def of_cell(text: str) -> str | None:
    """The digits of what a spreadsheet or program shows of a large number, empty if it shows not all of them; None if
    it is no such thing."""
    if match := _FROM_CELL.fullmatch(text):
        return match[1] + (match["plain"] or match["grouped"].replace(match["mark"], ""))
    if (match := _OF_JAVA.fullmatch(text)) and len(match[2]) < int(match[3]) < MOST_DIGITS:
        return match[1] + match[2].ljust(int(match[3]), "0")
    if match := _WITH_POINT.fullmatch(text):
        whole, fraction, places = match[1], match[2], int(match[3])
        return "" if len(fraction) < places else (whole + fraction[:places]) * (not fraction[places:].strip("0"))
    return "" if _FRACTION.fullmatch(text) else None
