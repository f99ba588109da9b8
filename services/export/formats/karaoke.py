"""Karaoke: lyrics as LRC, and as a Soft Karaoke file (`.kar`), a MIDI file with words."""

from services.export.bundle import Song
from services.export.formats.midi import WordTrack, midi_file, word_events


def lrc_text(song: Song, *, words: bool = False) -> str:
    """Return the lyrics as LRC: a time for each line, with `words` also one for each word.

    Times have hundredths of a second. `[`, `]`, `<` and `>` in words become other brackets.
    """
    rows = [f"[ti:{_plain(song.name)}]"]
    if song.artist:
        rows.append(f"[ar:{_plain(song.artist)}]")
    rows.append(f"[length:{_time(song.audio.duration)}]")
    for line in song.lyrics:
        text = _plain(line.text)
        if words and line.words:
            sung = "".join(
                f"{' ' if word.space_before else ''}<{_time(word.start)}>{_plain(word.text)}"
                for word in line.words
            ).lstrip()
            text = f" {sung} <{_time(line.end)}>"
        rows.append(f"[{_time(line.start)}]{text}")
    return "\n".join(rows) + "\n"


def kar_file(song: Song) -> bytes:
    """Return a Soft Karaoke file: the notes of the song without its voice, and its words.

    The track `Words` holds text events: a line begins with `/`, the first one with `\\`.
    """
    events = list(word_events(song.lyrics))
    if events:
        seconds, text = events[0]
        events[0] = (seconds, "\\" + text.removeprefix("/"))
    credits_ = [f"@T{song.name}", *([f"@T{song.artist}"] if song.artist else [])]
    language = [f"@L{song.language.upper()}"] if song.language else []
    tracks = (
        WordTrack("Soft Karaoke", (), "text", ("@KMIDI KARAOKE FILE", "@V0100")),
        WordTrack("Words", tuple(events), "text", (*language, *credits_)),
    )
    instruments = [track for track in song.tracks if track.stem != "vocals"]
    return midi_file(instruments, song.grid, words=tracks)


def _time(seconds: float) -> str:
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def _plain(text: str) -> str:
    text = " ".join(text.split())
    return text.replace("[", "(").replace("]", ")").replace("<", "‹").replace(">", "›")
