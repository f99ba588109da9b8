"""Make the synchronous client from the asynchronous one, so that there is one to keep right.

`python clients/python/make_sync.py` writes `cratedig/client.py`; `--check` only compares.
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent / "cratedig"
RULES = (
    (
        r"The asynchronous client; the synchronous one is made from it by `make_sync.py`.",
        r"The synchronous client, made from `aio.py` by `make_sync.py`: change that one.",
    ),
    (r"seen from asyncio", r"seen from ordinary code"),
    (r"await asyncio\.to_thread\(([\w.]+), ", r"\1("),
    (r"\((\w+\.\w+\([^()]*\))\)\[1\]", r"\1[1]"),
    (r"\(await (self\._answer\(call\))\)", r"\1"),
    (r"asyncio\.sleep", r"time.sleep"),
    (r"^import asyncio$", r"import time"),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", r""),
    (r"AsyncIterator, Awaitable, Callable", r"Callable, Iterator"),
    (r"Awaitable\[(\w+)\]", r"\1"),
    (r"AsyncIterator", r"Iterator"),
    (r"AsyncBaseTransport", r"BaseTransport"),
    (r"AsyncClient", r"Client"),
    (r"__a(enter|exit)__", r"__\1__"),
    (r"\ba(close|read|iter_bytes|iter_lines|read_events)\b", r"\1"),
    (r"for one in answer\.items:\n\s+yield one", r"yield from answer.items"),
)


def make(text: str) -> str:
    """Return the synchronous client's text."""
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    ruff = [
        str(Path(sys.executable).with_name("ruff")),
        "format",
        "--stdin-filename",
        "client.py",
        "-",
    ]
    done = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> None:
    """Write or check."""
    made = make((HERE / "aio.py").read_text(encoding="utf-8"))
    path = HERE / "client.py"
    if "--check" not in sys.argv:
        path.write_text(made, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != made:
        sys.exit("cratedig/client.py is not current: run `make schemas`")


if __name__ == "__main__":
    main()
