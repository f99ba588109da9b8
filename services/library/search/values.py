"""The values of the query language: keys, ranges, dates and names, each read from and written as
text."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache

from contracts.keys import key_of_camelot, read_camelot
from contracts.music import CamelotCode
from contracts.search import KeyFilter, KeyMatch, TimeRange, ValueRange
from services.library.catalogue.artifacts import fold

_NUMBER = r"-?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:e[+-]?\d{1,2})?"
_RANGE = re.compile(rf"({_NUMBER})(?:-|\.\.)({_NUMBER})")
_BOUND = re.compile(rf"(<=|>=|<|>)({_NUMBER})")
_PLAIN = re.compile(_NUMBER)
_PLAIN_VALUE = re.compile(r"[\w.+/#-]+")
_DATE = r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?"
_DATES = re.compile(rf"(<=|>=|<|>)?{_DATE}(?:\.\.{_DATE})?")
_TIME = re.compile(r"(>=|<)(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00))")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read_limits(text: str) -> ValueRange | None:
    """Read a range of numbers: `118-128`, `118..128`, `<0.5`, `<=0.5`, `>2`, `>=2` or `120`.

    One number means every value that rounds to it: `120` is 119.5 to 120.5, and `0.25` is 0.245
    to 0.255. `None` if the text is no range.
    """
    text = text.strip().lower()
    if bound := _BOUND.fullmatch(text):
        sign, number = bound[1], float(bound[2])
        is_open = "=" not in sign
        if sign.startswith("<"):
            return ValueRange(max=number, max_open=is_open)
        return ValueRange(min=number, min_open=is_open)
    if between := _RANGE.fullmatch(text):
        low, high = sorted((float(between[1]), float(between[2])))
        return ValueRange(min=low, max=high)
    if _PLAIN.fullmatch(text):
        number, half = float(text), _last_digit(text) / 2
        return ValueRange(min=number - half, max=number + half)
    return None


def write_limits(limits: ValueRange) -> list[str]:
    """Return a range as one or two values of the query language."""
    values = []
    if limits.min is not None:
        values.append(f"{'>' if limits.min_open else '>='}{_number(limits.min)}")
    if limits.max is not None:
        values.append(f"{'<' if limits.max_open else '<='}{_number(limits.max)}")
    return values


def narrow_limits(first: ValueRange | None, second: ValueRange) -> ValueRange:
    """Return a range with the ends of another one, as far as the other one has them."""
    if first is None:
        return second
    ends: dict[str, float | bool] = {}
    if second.min is not None:
        ends |= {"min": second.min, "min_open": second.min_open}
    if second.max is not None:
        ends |= {"max": second.max, "max_open": second.max_open}
    return first.model_copy(update=ends)


def describe_limits(limits: ValueRange, unit: str) -> str:
    """Return a range as text for a person."""
    low, high = limits.min, limits.max
    unit = f" {unit}" if unit else ""
    if low is not None and high is not None:
        return f"{low:g} to {high:g}{unit}"
    if low is not None:
        return f"{'more than' if limits.min_open else 'at least'} {low:g}{unit}"
    return f"{'less than' if limits.max_open else 'at most'} {high:g}{unit}"


def _last_digit(text: str) -> float:
    """Return the value of one unit of the last digit that was written."""
    digits, _, exponent = text.partition("e")
    decimals = len(digits.partition(".")[2])
    return float(10.0 ** (int(exponent or 0) - decimals))


def _number(value: float) -> str:
    return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def read_period(text: str) -> TimeRange | None:
    """Read a range of dates in UTC: `2026`, `2026-05`, `2026-05-01..2026-06`, `>=2026-05`, `<2026`.

    A date is the whole year, month or day. `None` if the text is no date.
    """
    text = text.strip()
    if exact := _TIME.fullmatch(text):
        try:
            moment = datetime.fromisoformat(exact[2]).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return TimeRange(start=moment) if exact[1] == ">=" else TimeRange(end=moment)
    match = _DATES.fullmatch(text)
    if match is None:
        return None
    sign, first = match[1], _span(match[2], match[3], match[4])
    if match[5] is not None:
        last = _span(match[5], match[6], match[7])
        if sign or first is None or last is None:
            return None
        return TimeRange(start=min(first[0], last[0]), end=max(first[1], last[1]))
    if first is None:
        return None
    start, end = first
    return {
        "<": TimeRange(end=start),
        "<=": TimeRange(end=end),
        ">": TimeRange(start=end),
        ">=": TimeRange(start=start),
    }.get(sign, TimeRange(start=start, end=end))


def write_period(period: TimeRange) -> list[str]:
    """Return a range of time as one or two values of the query language."""
    values = []
    if period.start is not None:
        values.append(f">={_moment(period.start)}")
    if period.end is not None:
        values.append(f"<{_moment(period.end)}")
    return values


def describe_period(period: TimeRange) -> str:
    """Return a range of time as text for a person."""
    start = f"from {period.start:%Y-%m-%d}" if period.start else ""
    last = f"before {period.end:%Y-%m-%d}" if period.end else ""
    return " and ".join(filter(None, (start, last)))


def _span(year: str, month: str | None, day: str | None) -> tuple[datetime, datetime] | None:
    """Return the start of a year, month or day, and of the next one."""
    try:
        start = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
        if day is not None:
            return start, start + timedelta(days=1)
        if month is not None:
            return start, (start + timedelta(days=32)).replace(day=1)
        return start, start.replace(year=start.year + 1)
    except (ValueError, OverflowError):
        return None


def _moment(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    if moment.time() == datetime.min.time():
        return f"{moment:%Y}".zfill(4) + f"{moment:-%m-%d}"
    return moment.isoformat().replace("+00:00", "Z")


def read_key(text: str) -> KeyFilter | None:
    """Read a key: `Am`, `F#m`, `Bb`, `"C minor"`, `A:min` or `8A`, then `~` or `~relative`.

    `~` also accepts compatible keys. `None` if the text is no key.
    """
    name, mark, kind = text.strip().partition("~")
    match = KeyMatch.EXACT
    if mark:
        kind = kind.strip().lower() or KeyMatch.COMPATIBLE
        if kind not in (KeyMatch.COMPATIBLE, KeyMatch.RELATIVE):
            return None
        match = KeyMatch(kind)
    camelot = read_camelot(name)
    return KeyFilter(camelot=camelot, match=match) if camelot else None


def write_key(key: KeyFilter) -> str:
    """Return a key filter as a value of the query language."""
    suffix = {KeyMatch.EXACT: "", KeyMatch.COMPATIBLE: "~", KeyMatch.RELATIVE: "~relative"}
    return key.camelot + suffix[key.match]


def describe_key(key: KeyFilter) -> str:
    """Return a key filter as text for a person."""
    name = f"{key_name(key.camelot)} ({key.camelot})"
    suffix = {
        KeyMatch.EXACT: "",
        KeyMatch.COMPATIBLE: " and compatible keys",
        KeyMatch.RELATIVE: " and its relative key",
    }
    return name + suffix[key.match]


@cache
def accepted_keys(camelot: CamelotCode, match: KeyMatch) -> frozenset[CamelotCode]:
    """Return the Camelot codes that a key filter accepts."""
    number, mode = int(camelot[:-1]), camelot[-1]
    codes = {camelot}
    if match is not KeyMatch.EXACT:
        codes.add(f"{number}{'A' if mode == 'B' else 'B'}")
    if match is KeyMatch.COMPATIBLE:
        codes |= {f"{number % 12 + 1}{mode}", f"{(number - 2) % 12 + 1}{mode}"}
    return frozenset(codes)


def key_name(camelot: CamelotCode) -> str:
    """Return the name of a Camelot code, such as `A minor`."""
    tonic, _, mode = key_of_camelot(camelot).partition(":")
    return f"{tonic} {'minor' if mode == 'min' else 'major'}"


def name_key(text: str) -> str:
    """Return a name as names are compared: folded, with single spaces, without quotation marks."""
    return " ".join(fold(fold(text)).replace('"', " ").split())


def quoted(value: str) -> str:
    """Return a value as the query language writes it, in quotation marks if it needs them."""
    return value if _PLAIN_VALUE.fullmatch(value) else f'"{value}"'


def is_id(text: str) -> bool:
    """Return whether a text has the form of an id, as items and collections have."""
    return _ID.fullmatch(text) is not None
