"""Names of fetched files."""

from pathlib import Path

from cratedig.files import apart


def test_files_of_one_name_lie_side_by_side() -> None:
    used: set[Path] = set()
    asked = [Path("song/notes.mid")] * 3 + [Path("song/notes.csv"), Path("other/notes.mid")]
    assert [str(apart(path, used)) for path in asked] == [
        "song/notes.mid",
        "song/notes (2).mid",
        "song/notes (3).mid",
        "song/notes.csv",
        "other/notes.mid",
    ]
