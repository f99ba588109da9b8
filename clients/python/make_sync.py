"""Generate the synchronous client from the asynchronous one, so that only one is hand-written.

`python clients/python/make_sync.py` writes `cratedig/_sync`; `--check` only compares.
"""

import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent / "cratedig" / "_async"
TARGET = SOURCE.with_name("_sync")
RULES = (
    (r"^\"\"\"The asynchronous client\..*", r'"""The synchronous client."""'),
    (r"cratedig\._async\b", r"cratedig._sync"),
    (r"\bAsync([A-Z])", r"\1"),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"await asyncio\.to_thread\(([\w.]+), ", r"\1("),
    (r"asyncio\.sleep", r"time.sleep"),
    (r"asyncio\.Lock", r"threading.Lock"),
    (r"^import asyncio$", r"import threading\nimport time"),
    (r"\bawait ", r""),
    (r"\bAwaitable\[(\w+)\]", r"\1"),
    (r"\bAwaitable, ", r""),
    (r"__a(enter|exit)__", r"__\1__"),
    (r"\ba(close|closing|read|iter_bytes|iter_lines)\b", r"\1"),
    (r"for (\w+) in ([\w.]+):\n\s+yield \1$", r"yield from \2"),
)


def make(path: Path) -> str:
    """Return the synchronous form of a module."""
    text = path.read_text(encoding="utf-8")
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    if path.name != "__init__.py":
        text = f"# Made from _async/{path.name} by make_sync.py: change that file.\n{text}"
    # Remove imports that only the asynchronous form uses.
    text = _ruff("check", "--select=F401,F811,I", "--fix", "--quiet", path=path, text=text)
    return _ruff("format", path=path, text=text)


def _ruff(*command: str, path: Path, text: str) -> str:
    ruff = str(Path(sys.executable).with_name("ruff"))
    done = subprocess.run(
        [ruff, *command, "--stdin-filename", str(TARGET / path.name), "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def main() -> None:
    """Write the synchronous client, or check that it is up to date."""
    generated = {path.name: make(path) for path in sorted(SOURCE.glob("*.py"))}
    present = {path.name: path.read_text(encoding="utf-8") for path in TARGET.glob("*.py")}
    if "--check" in sys.argv:
        if generated != present:
            sys.exit("cratedig/_sync does not match cratedig/_async: run `make schemas`")
        return
    TARGET.mkdir(exist_ok=True)
    for name in present.keys() - generated.keys():
        (TARGET / name).unlink()
    for name, text in generated.items():
        (TARGET / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
