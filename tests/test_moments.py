"""The spellings of a time that programs write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.kinds.reading.moments import CUT, NO_TIME, NOT_A_TIME, read_moment

MOMENT = datetime(2022, 12, 29, 9, 1, 52, tzinfo=UTC)
IN_JAKARTA = datetime(2022, 12, 29, 16, 1, 52, tzinfo=UTC)

SPELLINGS = [
    *(
        "2022-12-29T09:01:52Z",
        "2022-12-29t09:01:52z",
        "2022-12-29 09:01:52",
        "2022-12-29 09:01:52Z",
        "2022/12/29 09:01:52",
    ),
    *("2022-12-29 09:01:52 UTC", "2022-12-29 09:01:52 GMT", "2022-12-29T09:01:52 UT", "2022-12-29 09:01:52 Etc/UTC"),
    *("2022-12-29T09:01:52+00", "2022-12-29T09:01:52+0000", "2022-12-29T09:01:52+00:00", "2022-12-29T09:01:52-00:00"),
    *("2022-12-29 09:01:52 +0000", "2022-12-29 09:01:52+00:00 ".strip(), "2022-12-29 09:01:52 UTC+00:00"),
    # Go, with its monotonic clock, and where a zone has a name
    *("2022-12-29 09:01:52 +0000 UTC", "2022-12-29 09:01:52 +0000 UTC m=+0.000012", "2022-12-29 16:01:52 +0700 WIB"),
    # Java, JavaScript, C, Ruby
    *("2022-12-29T09:01:52Z[UTC]", "2022-12-29T16:01:52+07:00[Asia/Jakarta]", "Thu Dec 29 09:01:52 UTC 2022"),
    *("Thu Dec 29 2022 09:01:52 GMT+0000 (Coordinated Universal Time)", "Thu Dec 29 09:01:52 2022"),
    *("Thu Dec 29 2022 16:01:52 GMT+0700 (Western Indonesia Time)", "Thu Dec 29 09:01:52 +0000 2022"),
    *(
        "2022-12-29 16:01:52 UTC+7",
        "2022-12-29T16:01:52+07:00",
        "2022-12-29T04:01:52-0500",
        "2022-12-29 16:01:52 +0700 +07",
    ),
    # RFC 1123 and 5322
    *("Thu, 29 Dec 2022 09:01:52 GMT", "29 Dec 2022 16:01:52 +0700", "Thursday, 29-Dec-2022 09:01:52 UTC"),
    *("20221229T090152Z", "20221229T090152", "20221229090152", "20221229T160152+0700", "2022-12-29T090152"),
    *("2022-W52-4T09:01:52Z", "2022W524T090152Z", "2022-12-29T09:01:52.0000000Z", "2022-12-29T09:01:52,000"),
    *("2022-12-29T9:01:52Z", "2022-12-29\u00a009:01:52Z", "\u200b2022-12-29T09:01:52Z"),
    # .NET's JSON
    *("/Date(1672304512000)/", "/Date(1672304512000+0700)/"),
    # UTC twice, as of Python's isoformat() + "Z", and by its other names
    *("2022-12-29T09:01:52+00:00Z", "2022-12-29T09:01:52.000+00:00Z", "2022-12-29T09:01:52+0000Z"),
    *("2022-12-29T09:01:52Z+00:00", "2022-12-29T09:01:52-00:00Z", "2022-12-29T09:01:52 GMT+00:00 UTC"),
    *(
        "2022-12-29 09:01:52 UCT",
        "2022-12-29T09:01:52 Etc/UCT",
        "2022-12-29 09:01:52 Zulu",
        "Thu Dec 29 09:01:52 UCT 2022",
    ),
    *("2022-12-29 09:01:52 Universal", "2022-12-29 09:01:52 Coordinated Universal Time", "2022-12-29 09:01:52 (UTC)"),
    *("2022-12-29T09:01:52\u00b100:00", "2022-12-29T09:01:52 UTC\u00b100:00", "2022-12-29T09:01:52[Etc/UTC]"),
    # In halves of a day: date in en_US, Gson, and newer Java's
    *("Thu Dec 29 09:01:52 AM UTC 2022", "Dec 29, 2022, 9:01:52 AM", "Dec 29, 2022 9:01:52 am"),
    *(
        "Thursday, December 29, 2022 at 9:01:52\u202fAM UTC",
        "2022-12-29 04:01:52 p.m. +07:00",
        "Thu 29 Dec 2022 09:01:52 AM UTC",
    ),
    # In other scripts and typeset
    *(
        "\uff12\uff10\uff12\uff12-12-29T09\uff1a01\uff1a52Z",
        "2022\u201112\u201129T09:01:52Z",
        "2022-12-29T04:01:52\u221205:00",
    ),
    *("\u0662\u0660\u0662\u0662-12-29T09:01:52Z", "\u0968\u0966\u0968\u0968-12-29 09:01:52"),
    r"\/Date(1672304512000)\/",
    # Since 1970, in seconds to nanoseconds
    *(
        "1.672304512E9",
        "1.672304512e+09",
        "1.672304512E12",
        "'1672304512",
        "'2022-12-29 09:01:52",
        '"2022-12-29T09:01:52Z"',
    ),
    *("1672304512", "1672304512.0", "1672304512000", "1672304512000.0", "1672304512000000", "1672304512000000000"),
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_spellings_of_a_moment_meet(text: str) -> None:
    """However a program writes the time, it is the same one, without a warning."""
    assert read_moment(text) == (MOMENT, None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2022-12-29T09:01Z", MOMENT.replace(second=0)),
        ("2022-12-28T24:00:00Z", datetime(2022, 12, 29, tzinfo=UTC)),
        ("2022-12-29T09:01:52.5Z", MOMENT + timedelta(milliseconds=500)),
        ("2022-12-29 09:01:52,123456", MOMENT + timedelta(microseconds=123456)),
        ("1672304512.25", MOMENT + timedelta(milliseconds=250)),
        ("1672304512007", MOMENT + timedelta(milliseconds=7)),
        ("1672304512,007", MOMENT + timedelta(milliseconds=7)),
        # Half of a day
        ("2022-12-29 09:01:52 PM", MOMENT + timedelta(hours=12)),
        ("Dec 29, 2022, 12:01:52 AM", MOMENT - timedelta(hours=9)),
        ("Dec 29, 2022, 12:01:52 PM", MOMENT + timedelta(hours=3)),
        # A leap second is the next one.
        ("2022-12-31T23:59:60Z", datetime(2023, 1, 1, tzinfo=UTC)),
        ("2023-01-01T06:59:60.5+07:00", datetime(2023, 1, 1, microsecond=500000, tzinfo=UTC)),
    ],
)
def test_moment_is_exact(text: str, moment: datetime) -> None:
    """To the microsecond, and the end of a day is the beginning of the next."""
    assert read_moment(text) == (moment, None)


@pytest.mark.parametrize("text", ["2022-12-29T09:01:52.1234567Z", "1672304512123456700", "1672304512.1234569"])
def test_finer_moment_is_warned_of(text: str) -> None:
    """What is finer than a microsecond cannot be stored."""
    assert read_moment(text) == (MOMENT + timedelta(microseconds=123456), CUT)


@pytest.mark.parametrize(
    "text",
    [
        # Go and .NET
        *("0001-01-01T00:00:00Z", "0001-01-01 00:00:00 +0000 UTC", "0001-01-01T00:00:00", "0001-01-01T07:00:00+07:00"),
        # Unix, in every zone
        *("1970-01-01T00:00:00Z", "1970-01-01 00:00:00.000", "1970-01-01T07:00:00+07:00", "1969-12-31T16:00:00-08:00"),
        *(
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Thu Jan 01 1970 07:00:00 GMT+0700 (WIB)",
            "0000000000",
            "1970-01-20T08:31:44Z",
        ),
        # Spreadsheets, Windows, Postgres, Apple
        *("1899-12-30T00:00:00Z", "1900-01-01T00:00:00Z", "1904-01-01T00:00:00Z", "1601-01-01T00:00:00Z"),
        *("2000-01-01T00:00:00Z", "2000-01-01 07:00:00+07:00", "2001-01-01T00:00:00Z"),
        # of another zone, which is said or not
        *("2000-01-01T00:00:00-05:00", "2000-01-01T00:00:00+07:00", "2000-01-01 07:00:00", "2000-01-02 00:00"),
        *("2001-01-01T00:00:00-12:00", "2001-01-01 07:00:00"),
        # The last ones
        *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999", "2038-01-19T03:14:07Z", "9999999999"),
        *("2038-01-18T22:14:07-05:00", "2038-01-19 03:14:07.999999", "2079-06-06T23:59:00Z", "2079-06-06 23:59:00"),
        *("2099-12-31T23:59:59Z", "2099-12-31T00:00:00+07:00", "2099-12-31 23:59:59.997"),
    ],
)
def test_no_time_is_none(text: str) -> None:
    """A program's zero or maximum is not when somebody was called."""
    assert read_moment(text) == (None, NO_TIME)


@pytest.mark.parametrize(
    "text",
    [
        *("0000-00-00 00:00:00", "0000-00-00T00:00:00Z", "0", "-1", "-62135596800", "0001-01-01T00:00:00+14:00"),
        # Whose zone is it?
        *("2022-12-29 09:01:52 WIB", "2022-12-29 09:01:52 EST", "2022-12-29T09:01:52 Asia/Jakarta"),
        *("Thu Dec 29 09:01:52 IST 2022", "2022-12-29T09:01:52 Etc/GMT+7", "2022-12-29T09:01:52+23:59"),
        # A plus that a form's encoding took for a space
        "2022-12-29T09:01:52 07:00",
        *("2022-12-29T09:01:52+07:00Z", "2022-12-29T09:01:52Z+07:00", "2022-12-29T09:01:52[Asia/Jakarta]"),
        *("2022-12-29 09:01:52 (WIB)", "2022-12-29T09:01:52\u00b107:00", "2022-12-29T09:01:52 AMT"),
        # Morning or evening, day or month, which minute?
        *(
            "2022-12-29 21:01:52 PM",
            "2022-12-29 00:01:52 AM",
            "2022-12-29 09:01:52 +0700 PM",
            "12/29/2022 09:01:52",
            "03-04-2022 09:01:52",
            "29-Dec-22 09:01:52",
            "2022-12-29",
        ),
        *("2022-12-29T09", "09:01:52", "2022-12-29T24:00:01Z", "2022-12-29T25:00:00Z", "2022-12-29T09:60:00Z"),
        *(
            "2022-12-31T23:59:61Z",
            "2022-12-31T09:01:60Z",
            "2022-12-31T23:59:60+07:00",
            "2022-02-30T09:01:52Z",
            "2022-W54-1T09:01:52Z",
            "20221229T09:0152",
        ),
        *("1.672305e+12", "1.672305E12", "1.6723050E12", "1.672305e+10"),
        *("1.6723E+12", "1.67230E+12", "1.672304512e", "1.672304512E99", "1.672304512E-9"),
        *("167230451", "16723045120", "20221329090152", "2022-12-29T09:01:52Z" * 9, "2022-12-29T09:01:52." + "0" * 99),
    ],
)
def test_what_could_be_two_times_is_none(text: str) -> None:
    """A wrong time would be worse than none."""
    assert read_moment(text) == (None, NOT_A_TIME)


@given(st.datetimes(datetime(2002, 1, 1), datetime(2037, 12, 31), timezones=st.timezones()))  # noqa: DTZ001
def test_any_moment_is_read_back(moment: datetime) -> None:
    """What Python writes is read as it was meant."""
    offset = moment.utcoffset()
    if offset is not None and abs(offset) <= timedelta(hours=14) and offset.seconds % 60 == 0:
        assert read_moment(moment.isoformat()) == (moment.astimezone(UTC), None)


@given(st.text(max_size=40) | st.text("0123456789-+:.,TZ /UTCGMay", max_size=40))
def test_any_text_is_none_or_of_calls(text: str) -> None:
    """Whatever stands for a time, it is read without an error."""
    moment, problem = read_moment(text)

    assert (moment is None) == (problem in (NO_TIME, NOT_A_TIME))
    assert moment is None or 2001 <= moment.year < 2080
