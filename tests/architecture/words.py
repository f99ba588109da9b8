"""The words that names and public strings must not use, and their replacements.

`test_words.py` checks the table on identifiers and public strings, never on prose. A word that
code still uses is `pending`, with the number of places: the number may only fall, and at 0 the
mark goes. `python -m tests.architecture.identifiers WORD` lists the places.
"""

from dataclasses import dataclass
from enum import StrEnum


class Where(StrEnum):
    """Where a word is searched."""

    PART = "part"
    """A part of any identifier: `news` in `_wait_for_news`, `NEWS_PAUSE` and `NewsReader`."""
    NAME = "name"
    """A whole identifier that is no function, written just so: variables, fields, classes."""
    FUNCTION = "function"
    """The whole name of a function or method."""
    MODULE = "module"
    """The whole name of a module or package."""
    TEXT = "text"
    """A phrase in a public string, in any case: problem details, CLI lines, OpenAPI, AsyncAPI."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that names and messages must not use."""

    word: str
    where: Where
    replacement: str
    only_in: tuple[str, ...] = ()
    """Beginnings of paths outside of which the word means something else; empty is everywhere."""
    pending: bool = False
    count: int = 0
    """Places where a pending word is still used."""


_P, _N, _F, _M, _T = Where.PART, Where.NAME, Where.FUNCTION, Where.MODULE, Where.TEXT
_JOBS = ("services/library/",)
_BUS = ("kit/bus/", "services/library/", "gateway/", "embedded/")
_SIGNAL = ("kit/signal/", "services/slicing/", "services/analysis/engine.py")
_MIDI = ("services/midi/",)

WORDS: tuple[Word, ...] = (
    # Metaphors.
    Word("house", _P, "server, app or ctx"),
    Word("houses", _P, "servers"),
    Word("door", _P, "router"),
    Word("ear", _P, "reader: MonoReader"),
    Word("desk", _P, "library_client"),
    Word("arrow", _P, "transition"),
    Word("arrows", _P, "transitions"),
    Word("letter", _P, "dead_letter", _BUS),
    Word("letters", _P, "dead_letters", _BUS),
    Word("crowd", _P, "connection_limits"),
    Word("hurry", _P, "force_stop"),
    Word("errand", _P, "roundtrip"),
    Word("farewell", _P, "release"),
    Word("pulse", _P, "beats"),
    Word(
        "novelty",
        _P,
        "onset_strength",
        (*_SIGNAL, "services/analysis/meter.py"),
    ),
    Word("pick_onsets", _P, "detect_onsets"),
    Word("sift", _P, "filter"),
    Word("guard", _M, "hallucinations", ("services/transcribe/",)),
    Word("keyring", _P, "signing_keys"),
    Word("borne", _P, "credential"),
    Word("bearers", _P, "authenticator"),
    Word("stands", _P, "is_active"),
    Word("standing", _P, "status"),
    Word("sealed", _P, "encrypted"),
    Word("unsealed", _P, "decrypted"),
    Word("behind", _P, "background_writer", ("services/separation/",)),
    Word("rolling", _P, "buffer: SlidingBuffer"),
    Word("aligner", _P, "stream_cutter"),
    Word("struck", _P, "onset", _MIDI),
    Word("unstruck", _P, "legato", _MIDI),
    Word("swell", _P, "level_rise", _MIDI),
    Word("ringing", _P, "release_tail", _MIDI),
    Word("rise", _F, "level_rise", _MIDI),
    Word("fall", _F, "decay", _MIDI),
    # Saying, telling, asking and hearing.
    Word("told", _P, "on_progress, event, report"),
    Word("said", _P, "message"),
    Word("asked", _P, "request"),
    Word("heard", _P, "the noun: detected, notes, words"),
    Word("hear", _P, "receive, transcribe, detect"),
    Word("news", _P, "wakeup, tail"),
    Word("announce", _P, "notify_on_commit, publish"),
    Word("facts", _M, "events, views", _JOBS),
    Word("by_hand", _P, "user_submittable"),
    # Jobs and their state machine.
    Word("ending", _P, "outcome, suffix"),
    Word("endings", _P, "outcomes, suffixes"),
    Word("orders", _M, "validation", _JOBS),
    Word("move", _F, "transition", _JOBS),
    Word("to_end", _F, "finish", _JOBS),
    Word("settle", _F, "resolve_overdue", _JOBS),
    Word("lose", _F, "lease_expired", _JOBS),
    Word("budget", _P, "start_to_close_timeout"),
    Word("makes", _N, "producers"),
    Word("make", _N, "producer"),
    Word("_make", _F, "producer_of", ("kit/worker/",)),
    Word("beside", _P, "side_inputs, following"),
    Word("gathers", _P, "collects"),
    Word("together", _N, "batch"),
    Word("takes_list", _P, "accepts_many"),
    Word("keeps_tempo", _P, "depends_on_tempo"),
    Word("walk", _N, "scheduler"),
    Word("glance", _P, "summaries"),
    Word("decided", _N, "step_states"),
    # Bounds.
    Word("most", _P, "max"),
    Word("least", _P, "min"),
    # Participles and pronouns where the noun belongs.
    Word("one", _N, "the noun"),
    Word("found", _N, "the noun"),
    Word("given", _N, "the noun"),
    Word("wanted", _N, "the noun"),
    Word("made", _N, "the noun"),
    # Protocol state.
    Word("deaf", _N, "refusing"),
    Word("unsettled", _N, "unparsed_bytes"),
    Word("serving", _N, "app: HttpApp, SignedUrlApp"),
    # What users read.
    Word("house", _T, "server"),
    Word("of ours", _T, "Internal error"),
    Word("no such thing", _T, "Not found"),
    Word("not yours", _T, "Not found"),
    Word("fit what is there", _T, "Conflict"),
    Word("none that a", _T, "Invalid cursor"),
    Word("came of", _T, "produced"),
    Word("are taken", _T, "are accepted, are supported"),
    Word("taken in", _T, "ingested"),
    Word("told", _T, "say who does what"),
    Word("a make", _T, "a producer"),
    Word("anew", _T, "again"),
    Word("beside", _T, "next to, besides"),
    Word("is away", _T, "is unavailable"),
    Word("heard as", _T, "tagged as"),
    Word("what is said of", _T, "the metadata of"),
    Word("small letters", _T, "lower-case letters"),
    Word("letters", _T, "dead letters", ("kit/bus/", "gateway/", "embedded/")),
    Word("news", _T, "events"),
    Word("desk", _T, "library"),
    Word("door", _T, "gateway"),
)

REPEATED: dict[str, int] = {
    "Engine": 8,
    "Job": 2,
    "Key": 3,
    "Model": 2,
    "Network": 2,
    "Position": 2,
    "Precision": 2,
    "Progress": 2,
    "Result": 2,
    "Row": 2,
    "Settings": 8,
    "Sha256": 2,
    "StorageFull": 2,
    "Table": 2,
}
"""Classes and types of several definitions, and how many: every other name has one.

`Engine` and `Settings` are one thing in each service; `Key`, `Model`, `Result`, `Row` and `Table`
are type variables. The numbers may only fall.
"""
