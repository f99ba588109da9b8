"""A certified OpenID Connect provider in a process of its own, and a browser that signs in."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx

from tests.support.timeouts import HANG_TIMEOUT

FOLDER = Path(__file__).parents[1] / "oidc"
CLIENT_ID = "cratedig"
CLIENT_SECRET = "a secret of the tests, known to both sides"
MISSING = "the provider is not installed: run make oidc-provider, which needs Node 20 or newer"


def installed() -> bool:
    """Return whether the provider can be started."""
    return shutil.which("node") is not None and (FOLDER / "node_modules").is_dir()


@contextmanager
def running_provider(redirect_uri: str, after_logout: str) -> Iterator[str]:
    """Start the provider on a free port, and yield its issuer."""
    node = shutil.which("node")
    assert node
    with subprocess.Popen(
        [node, "server.mjs", redirect_uri, after_logout],
        cwd=FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout
            issuer = next(
                json.loads(line)["issuer"] for line in process.stdout if line.startswith("{")
            )
            yield str(issuer)
        finally:
            process.terminate()


class Browser:
    """Follows the provider's redirects and fills in its forms.

    Parameters
    ----------
    login
        Who signs in; one of the people in `tests/oidc/server.mjs`.
    """

    def __init__(self, login: str) -> None:
        self._login = login
        # Nothing here is encrypted, and reading the machine's certificates takes a while.
        transport = httpx.AsyncHTTPTransport(verify=False)
        self._client = httpx.AsyncClient(transport=transport, timeout=HANG_TIMEOUT)

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def post(self, url: str) -> None:
        """Send an empty request to the provider."""
        (await self._client.post(url)).raise_for_status()

    async def open(self, url: str, *, until: str = "") -> str:
        """Open an address, and do all that the pages ask for.

        Returns the address that begins with `until`, unopened, or the text of the last page.
        """
        response = await self._client.get(url)
        while True:
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if until and target.startswith(until):
                    return target
                response = await self._client.get(target)
                continue
            assert response.status_code == 200, response.text
            form = re.search(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', response.text, re.S)
            if form is None:
                return response.text
            fields = {
                name: value
                for tag in re.findall(
                    r"<(?:input|button)[^>]*>", form[2] + _outer_buttons(response.text)
                )
                if (name := _attribute(tag, "name"))
                for value in (_attribute(tag, "value"),)
            }
            fields.pop("abort", None)
            if "login" in fields:
                fields |= {"login": self._login, "password": "any"}
            response = await self._client.post(
                urljoin(str(response.url), html.unescape(form[1])), data=fields
            )


def _outer_buttons(text: str) -> str:
    """Return the buttons that belong to a form by its id."""
    return "".join(re.findall(r'<button[^>]*form="[^"]+"[^>]*>', text))


def _attribute(tag: str, name: str) -> str:
    match = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(match[1]) if match else ""
