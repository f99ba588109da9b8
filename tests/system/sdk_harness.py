"""What the methods of the client library are called about."""

import asyncio
import hashlib
import secrets
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile

from cratedig import Client, Credentials, JobFailedError, types
from embedded.settings import EmbeddedSettings
from embedded.sign_in import make_code
from tests.support.running_server import eventually
from tests.support.sounds import write_tone
from tests.support.taught_tags import taught_tag
from tests.support.webhook_receiver import Receiver

SCOPES: tuple[types.KeyScope, ...] = ("catalogue:read", "catalogue:write", "jobs:write")
PASSWORD = secrets.token_urlsafe(16)


@dataclass(frozen=True)
class SdkHarness:
    """What methods are called about."""

    email: str
    user: Client
    key: str
    administrator: Client
    item: str
    upload: str
    job: str
    run: str
    artifact: types.Artifact
    file: Path
    data: Path
    """The server's data folder."""
    receiver: Receiver
    """A receiver of webhooks."""

    def new_item(self) -> str:
        pitch = 100 + secrets.randbelow(8000)
        path = write_tone(self.file.with_name("another.wav"), seconds=0.2, frequency=pitch)
        return str(self.user.uploads.file(path, kind="track").item)

    def new_failed_job(self) -> str:
        path = self.file.with_name("diary.wav")
        path.write_bytes(b"Dear diary, this is no music. " + secrets.token_bytes(1000))
        job = str(self.user.uploads.file(path).job)
        with pytest.raises(JobFailedError):
            self.user.jobs.wait(job)
        return job

    def new_upload(self) -> str:
        return self.user.uploads.create("new.wav", 4, secrets.token_hex(32)).id

    def new_tone(self) -> Path:
        path = self.file.with_name(f"{secrets.token_hex(4)}.wav")
        return write_tone(path, seconds=0.2, frequency=60.0 + secrets.randbelow(900))

    def sent_upload(self) -> str:
        """Return an upload all parts of which were sent."""
        return self.user.uploads.send(self.new_tone()).id

    def new_pipeline(self) -> str:
        return self.user.pipelines.create(pipeline()).spec.name

    def new_key(self) -> str:
        return self.user.keys.create("to revoke", SCOPES).id

    def new_account(self) -> str:
        """Create an account and return its id."""
        with Client(Credentials(self.user.credentials.url)) as client:
            return client.account.create(email(), PASSWORD).id

    def new_invitation(self) -> str:
        return self.administrator.invitations.create("to revoke").id

    def new_collection(self) -> str:
        collection = self.user.collections.create("Kicks").id
        self.user.collections.add(collection, [self.item])
        return collection

    def hidden_item(self) -> str:
        item = self.new_item()
        self.user.items.delete(item)
        return item

    def new_search(self) -> str:
        return self.user.saved_searches.create(secrets.token_hex(6), "class:kick").id

    def new_webhook(self) -> str:
        """Create a webhook; make room for it first."""
        for webhook in self.user.webhooks.list():
            self.user.webhooks.delete(webhook.id)
        return self.user.webhooks.create(self.receiver.url).id

    def active_webhook(self) -> str:
        webhook = self.new_webhook()
        assert self.user.webhooks.test(webhook).passed
        return webhook

    def pack(self) -> Path:
        path = self.file.with_name(f"{secrets.token_hex(4)}.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("Kicks/readme.txt", secrets.token_hex(8))
        return path

    def new_import(self) -> str:
        return self.user.imports.pack(self.pack()).id

    def ended_import(self) -> str:
        return self.user.imports.wait(self.new_import()).id

    def new_map(self) -> str:
        return self.user.maps.put("All samples").name

    def new_share(self) -> str:
        """Share a collection of the user with the administrator."""
        collection = self.new_collection()
        self.user.collections.share(collection, self.friend)
        return collection

    def new_link(self) -> tuple[str, str]:
        collection = self.new_collection()
        return collection, self.user.collections.create_link(collection).id

    def public_link(self) -> str:
        """Return the secret of a link to a collection that is read without an account."""
        collection = self.new_collection()
        return str(self.user.collections.create_link(collection, access="download").secret)

    def secret(self) -> str:
        """Return the secret of a link to a collection of the administrator."""
        collection = self.administrator.collections.create("Hats").id
        return str(self.administrator.collections.create_link(collection).secret)

    def sign_in_code(self) -> str:
        # In a thread, because the methods of one client run inside an event loop.
        settings = EmbeddedSettings(data=self.data)
        with ThreadPoolExecutor(1) as pool:
            return str(pool.submit(asyncio.run, make_code(settings, self.email)).result())

    @property
    def friend(self) -> str:
        return self.administrator.account.get().id

    def duplicates(self) -> str:
        """Upload one sound in two formats, if that was not done, and wait until both are known."""
        if next(self.user.similarity.duplicates(), None) is None:
            tone = write_tone(self.file.with_name("twice.wav"), seconds=0.3, frequency=523.0)
            copy = tone.with_suffix(".flac")
            soundfile.write(copy, *soundfile.read(tone, dtype="int16"), subtype="PCM_16")
            for path in (tone, copy):
                upload = self.user.uploads.file(path, kind="sample")
                self.user.jobs.wait(str(upload.job))
                self.user.jobs.wait(self.user.jobs.create(str(upload.item), "tagging").id)
            known = self.user.similarity.duplicates
            eventually(lambda: next(known(), None) is not None, what="duplicates")
        return next(self.user.similarity.duplicates()).items[0].item.id

    def correction(self) -> types.CorrectionField:
        self.user.corrections.put(self.item, "tempo", 124)
        return "tempo"

    def taught(self, name: str = "taught") -> str:
        return self.user.taught_tags.create(name).name

    def answered(self) -> str:
        return self.user.taught_tags.answer(self.taught("answered"), {self.item: "no"}).name

    def imported(self) -> str:
        return self.user.taught_tags.import_file(taught_tag()).name

    def tag(self) -> str:
        self.user.tags.add(self.item, "dusty")
        return "dusty"


def email() -> str:
    return f"{secrets.token_hex(8)}@example.org"


def pipeline(name: str = "") -> dict[str, Any]:
    steps = [{"name": "midi", "task": "midi"}]
    return {"name": name or f"p-{secrets.token_hex(6)}", "steps": steps}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def replace_pipeline(c: Any, w: SdkHarness) -> Any:
    name = w.new_pipeline()
    return c.pipelines.replace(name, pipeline(name))
