"""The command line as people and programs use it."""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cratedig import Client, Credentials, JobFailedError
from cratedig.cli.app import app
from cratedig.credentials import save
from tests.support.running_server import RunningServer
from tests.support.sounds import write_tone
from tests.support.taught_tags import TAUGHT_TAG
from tests.support.webhook_receiver import Receiver
from tests.support.webhook_receiver import receiver as running_receiver
from tests.system.shell import PASSWORD, Shell, email, shell_of

pytestmark = pytest.mark.timeout(180)
UNKNOWN = "01920000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class CliHarness:
    """What commands are given."""

    shell: Shell
    item: str
    job: str
    run: str
    rejected: str
    """A job that failed."""
    receiver: Receiver
    """A receiver of webhooks."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def harness(
    server: RunningServer, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> CliHarness:
    shell = shell_of(server, tmp_path_factory.mktemp("shell"))
    item = shell.tone("tone.wav", frequency=233.0, kind="track")
    run = shell.user.runs.wait(shell.user.runs.create(item, "midi").id)
    diary = shell.folder / "diary.wav"
    diary.write_bytes(b"Dear diary, this is no music. " * 50)
    rejected = str(shell.user.uploads.file(diary).job)
    with pytest.raises(JobFailedError):
        shell.user.jobs.wait(rejected)
    return CliHarness(shell, item, run.steps[0].jobs[0], run.id, rejected, receiver)


Words = Callable[[CliHarness], list[str]]
GOOD: dict[str, Words] = {
    "signup": lambda w: ["--email", email(), "--url", w.shell.url],
    "login": lambda w: ["--email", _account(w), "--url", w.shell.url],
    "logout": lambda w: [],
    "account show": lambda w: [],
    "account usage": lambda w: [],
    "account password": lambda w: ["--new", "another password"],
    "account delete": lambda w: ["--yes"],
    "keys create": lambda w: ["a script"],
    "keys list": lambda w: [],
    "keys revoke": lambda w: [w.shell.user.keys.create("x", ["jobs:write"]).id],
    "invitations create": lambda w: ["a friend", "--days", "3"],
    "invitations list": lambda w: [],
    "invitations revoke": lambda w: [w.shell.user.invitations.create("x").id],
    "admin status": lambda w: [],
    "admin workers": lambda w: [],
    "admin queues": lambda w: [],
    "admin letters": lambda w: [],
    "admin jobs": lambda w: ["--state", "failed", "--task", "midi"],
    "admin storage": lambda w: [],
    "admin models": lambda w: [],
    "admin webhooks": lambda w: [],
    "admin accounts": lambda w: [],
    "admin account": lambda w: [_other_account(w), "--quota", "50GB", "--disable"],
    "admin link": lambda w: [_other_account(w)],
    "admin audit": lambda w: ["--limit", "3"],
    "tasks": lambda w: [],
    "pipelines list": lambda w: [],
    "pipelines show": lambda w: ["midi"],
    "pipelines save": lambda w: [_pipeline_file(w, "saved")],
    "pipelines delete": lambda w: [_saved_pipeline(w)],
    "upload": lambda w: ["tone.wav", "--run", "midi", "-p", "onset_threshold=0.4"],
    "ls": lambda w: [],
    "search": lambda w: ["tone len:1..2 -loop", "--kind", "track", "--save", "Tones"],
    "searches": lambda w: ["--seen", _search(w)],
    "descriptors": lambda w: ["tones.parquet", "tone"],
    "similar": lambda w: [w.item, "class:kick", "len:<9", "--limit", "5", "--dial", "pitch=0.5"],
    "duplicates": lambda w: ["--limit", "5"],
    "recommend": lambda w: [
        "tray",
        "--filter",
        "class:kick",
        "--dismiss",
        w.item,
        "--undo",
        w.item,
    ],
    "map list": lambda w: [],
    "map create": lambda w: ["kicks", "--seed", "7", "--again"],
    "map delete": lambda w: [w.shell.user.maps.put("doomed").name],
    "show": lambda w: [w.item],
    "edit": lambda w: [w.item, "--bpm", "97.5", "-m", "artist=Ann", "-m", "album="],
    "get": lambda w: [w.item, "-o", "out"],
    "export": lambda w: ["mixdown", w.item, "-o", "out"],
    "pack in": lambda w: [_pack(w), "--tag", "pack"],
    "pack out": lambda w: [_full_collection(w), "-o", "out"],
    "import": lambda w: ["https://127.0.0.1/a.wav", "--no-wait"],
    "imports": lambda w: [],
    "sync": lambda w: ["mirror", "--once"],
    "rm": lambda w: [w.shell.tone("doomed.wav", frequency=307.0), "--yes"],
    "hidden": lambda w: [],
    "restore": lambda w: [_hidden(w)],
    "run": lambda w: ["midi", w.item, "-p", "midi.onset_threshold=0.6"],
    "jobs": lambda w: [w.item],
    "watch": lambda w: [w.run, "--after", "start"],
    "runs": lambda w: [w.item, "--state", "succeeded"],
    "cancel": lambda w: [w.job, w.run],
    "tag add": lambda w: ["dusty", w.item],
    "tag remove": lambda w: ["DUSTY", w.item],
    "tag list": lambda w: [],
    "tag teach": lambda w: ["dusty", "--yes", w.item],
    "tag review": lambda w: [_taught_tag(w)],
    "tag proposals": lambda w: [_taught_tag(w)],
    "tag accept": lambda w: [_taught_tag(w), "--all"],
    "tag versions": lambda w: [_imported_tag(w), "--back-to", "1"],
    "tag export": lambda w: [_imported_tag(w), "-o", "exported.json"],
    "tag import": lambda w: [_taught_tag_file(w), "--as", "other"],
    "favourite": lambda w: [w.item],
    "rate": lambda w: ["4", w.item],
    "correct": lambda w: [w.item, "key=Am", "chords="],
    "corrections": lambda w: [w.item],
    "cuts list": lambda w: [w.item],
    "cuts add": lambda w: [w.item, "--start", "0.5", "--end", "0.8"],
    "cuts move": lambda w: [w.item, _cut(w), "--start", "0.1"],
    "cuts split": lambda w: [w.item, _cut(w), "--at", "4000", "--samples"],
    "cuts merge": lambda w: [w.item, _cut(w), _cut(w)],
    "cuts delete": lambda w: [w.item, _cut(w)],
    "cuts undo": lambda w: [w.item],
    "cuts reset": lambda w: [w.item],
    "cuts render": lambda w: [w.item, "--no-wait"] if _cut(w) else [],
    "collection list": lambda w: [],
    "collection create": lambda w: ["Kicks", "--note", "dusty"],
    "collection add": lambda w: [_collection(w), w.item],
    "collection remove": lambda w: ["favourites", w.item],
    "collection show": lambda w: ["tray"],
    "collection share": lambda w: [_collection(w), "--days", "3"],
    "collection open": lambda w: [_secret(w)],
    "collection read": lambda w: [_address(w), "-o", "shared"],
    "collection clearance": lambda w: [_collection(w)],
    "collection delete": lambda w: [_collection(w), "--yes"],
    "retry": lambda w: [w.rejected, "--no-wait"],
    "webhook add": lambda w: ["https://127.0.0.1/", "--event", "job.failed"],
    "webhook list": lambda w: [],
    "webhook test": lambda w: [_webhook(w)],
    "webhook replay": lambda w: [_active_webhook(w), "--since", "2099-01-01"],
    "webhook log": lambda w: [_webhook(w), "--state", "failed"],
    "webhook secret": lambda w: [_webhook(w)],
    "webhook remove": lambda w: [_webhook(w)],
}
"""Arguments of each command with which it works."""
BAD: dict[str, tuple[list[str], int]] = {
    "signup": (["--email", "nobody", "--url", "URL"], 5),
    "login": (["--email", "nobody@example.org", "--url", "URL"], 3),
    "logout": (["--bogus"], 2),
    "account show": (["--bogus"], 2),
    "account usage": (["--bogus"], 2),
    "account password": (["--current", "a wrong one", "--new", "another password"], 5),
    "account delete": (["--password", "a wrong one", "--yes"], 5),
    "keys create": (["a script", "--scope", "bogus"], 5),
    "keys list": (["--bogus"], 2),
    "keys revoke": ([UNKNOWN], 4),
    "invitations create": (["a friend", "--days", "0"], 2),
    "invitations list": (["--bogus"], 2),
    "invitations revoke": ([UNKNOWN], 4),
    "admin status": (["--bogus"], 2),
    "admin workers": (["--bogus"], 2),
    "admin queues": (["--bogus"], 2),
    "admin letters": (["--bogus"], 2),
    "admin storage": (["--bogus"], 2),
    "admin models": (["--bogus"], 2),
    "admin webhooks": (["--bogus"], 2),
    "admin accounts": (["--bogus"], 2),
    "admin jobs": (["--state", "bogus"], 2),
    "admin account": (["nobody@example.org", "--disable"], 4),
    "admin link": ([UNKNOWN], 4),
    "admin audit": (["--action", "bogus"], 5),
    "admin replay": (["0-999999"], 4),
    "tasks": (["--bogus"], 2),
    "pipelines list": (["--bogus"], 2),
    "pipelines show": (["nosuch"], 4),
    "pipelines save": (["missing.json"], 2),
    "pipelines delete": (["midi"], 5),
    "upload": (["missing.wav"], 2),
    "ls": (["--kind", "bogus"], 5),
    "search": (["tone", "--bpm", "fast"], 5),
    "searches": (["--delete", "nosuch"], 4),
    "descriptors": (["tones.csv"], 2),
    "similar": (["tone", "--dial", "pitch=2"], 2),
    "duplicates": (["--limit", "none"], 2),
    "recommend": (["nosuch"], 4),
    "map list": (["--bogus"], 2),
    "map create": (["kicks", "--collection", "nosuch"], 4),
    "map delete": (["nosuch"], 4),
    "show": (["nosuch"], 4),
    "edit": (["nosuch", "--bpm", "100"], 4),
    "get": (["tone", "--kind", "bogus"], 2),
    "export": (["samples", "nosuch"], 4),
    "pack in": (["missing.zip"], 2),
    "pack out": (["nosuch"], 4),
    "import": (["https://127.0.0.1/a.wav", "--provider", "nosuch"], 5),
    "imports": (["--bogus"], 2),
    "sync": (["tone.wav"], 2),
    "rm": ([UNKNOWN, "--yes"], 4),
    "hidden": (["--bogus"], 2),
    "restore": (["nosuch"], 4),
    "run": (["nosuch", "tone"], 4),
    "jobs": (["--state", "bogus"], 2),
    "watch": (["nosuch"], 4),
    "runs": (["--state", "bogus"], 2),
    "cancel": (["nosuch"], 4),
    "tag add": (["a,b", UNKNOWN], 4),
    "tag remove": (["dusty", "nosuch"], 4),
    "tag list": (["--bogus"], 2),
    "tag teach": (["dusty", "--yes", "nosuch"], 4),
    "tag review": (["nosuch"], 4),
    "tag proposals": (["nosuch"], 4),
    "tag accept": (["dusty"], 2),
    "tag versions": (["nosuch"], 4),
    "tag export": (["nosuch"], 4),
    "tag import": (["missing.json"], 2),
    "favourite": ([UNKNOWN], 4),
    "rate": (["6", "tone"], 2),
    "correct": (["tone", "mood=sad"], 2),
    "corrections": ([UNKNOWN], 4),
    "cuts list": (["nosuch"], 4),
    "cuts add": (["tone", "--start", "1", "--end", "0"], 5),
    "cuts move": (["tone", "999", "--start", "0"], 5),
    "cuts split": (["tone", "999", "--at", "1"], 5),
    "cuts merge": (["tone", "998", "999"], 5),
    "cuts delete": (["tone", "999"], 5),
    "cuts undo": (["nosuch"], 4),
    "cuts reset": (["tone", "--stem", "bogus"], 2),
    "cuts render": (["tone", "--stem", "drums"], 5),
    "collection list": (["--bogus"], 2),
    "collection create": (["Kicks", "--parent", "nosuch"], 4),
    "collection add": (["nosuch", "tone"], 4),
    "collection remove": ([UNKNOWN, "tone"], 4),
    "collection show": (["nosuch"], 4),
    "collection share": (["favourites"], 5),
    "collection open": (["not a secret that anybody has"], 4),
    "collection clearance": (["nosuch"], 4),
    "collection read": (["link_that_nobody_has"], 4),
    "collection delete": (["favourites", "--yes"], 5),
    "retry": (["nosuch"], 4),
    "webhook add": (["http://example.org/", "--event", "bogus"], 5),
    "webhook list": (["--bogus"], 2),
    "webhook test": ([UNKNOWN], 4),
    "webhook log": ([UNKNOWN], 4),
    "webhook replay": ([UNKNOWN, "--since", "2026-01-01"], 4),
    "webhook secret": ([UNKNOWN], 4),
    "webhook remove": ([UNKNOWN], 4),
}
"""Arguments with which it does not, and its exit code."""
NOT_HERE = frozenset({"admin replay"})
"""An embedded server whose events all can be read has no dead letters to replay."""
# These end the session that the others need.
APART = frozenset({"signup", "login", "logout", "account password", "account delete"})


def _account(w: CliHarness) -> str:
    address = email()
    w.shell.user.account.create(address, PASSWORD)
    return address


def _other_account(w: CliHarness) -> str:
    """Create an account without changing who the shell is logged in as."""
    address = email()
    with Client(Credentials(w.shell.url)) as client:
        client.account.create(address, PASSWORD)
    return address


def _pipeline_file(w: CliHarness, name: str) -> str:
    path = w.shell.folder / f"{name}.json"
    spec = {"name": name, "steps": [{"name": "midi", "task": "midi"}]}
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path.name


def _saved_pipeline(w: CliHarness) -> str:
    spec = {"name": "to-delete", "steps": [{"name": "midi", "task": "midi"}]}
    return w.shell.user.pipelines.create(spec).spec.name


def _taught_tag(w: CliHarness) -> str:
    return w.shell.user.taught_tags.create("taught").name


def _imported_tag(w: CliHarness) -> str:
    return w.shell.user.taught_tags.import_file(TAUGHT_TAG).name


def _taught_tag_file(w: CliHarness) -> str:
    path = w.shell.folder / "shared-tag.json"
    path.write_text(json.dumps(TAUGHT_TAG), encoding="utf-8")
    return path.name


def _cut(w: CliHarness) -> str:
    """Cut the item by hand, and return the number of the cut."""
    cuts = w.shell.user.cuts
    version = cuts.get(w.item).version
    edited = cuts.edit(w.item, [{"do": "add", "start": 2000, "end": 9000}], version=version)
    return str(max(cut.number for cut in edited.items))


def _collection(w: CliHarness) -> str:
    return w.shell.user.collections.create("Kicks").id


def _hidden(w: CliHarness) -> str:
    item = w.shell.tone("undone.wav", frequency=311.0)
    w.shell.user.items.delete(item)
    return item


def _search(w: CliHarness) -> str:
    return w.shell.user.saved_searches.create("Kicks", "class:kick").name


def _webhook(w: CliHarness) -> str:
    webhooks = w.shell.user.webhooks
    for webhook in webhooks.list():
        webhooks.delete(webhook.id)
    return webhooks.create(w.receiver.url).id


def _active_webhook(w: CliHarness) -> str:
    webhook = _webhook(w)
    assert w.shell.user.webhooks.test(webhook).passed
    return webhook


def _address(w: CliHarness) -> str:
    user = w.shell.user
    link = user.collections.create_link(_full_collection(w), access="download")
    return f"{user.credentials.url}/shared/{link.secret}"


def _full_collection(w: CliHarness) -> str:
    collection = _collection(w)
    w.shell.user.collections.add(collection, [w.item])
    return collection


def _pack(w: CliHarness) -> str:
    path = w.shell.folder / "pack.zip"
    with zipfile.ZipFile(path, "w") as archive:
        tone = write_tone(w.shell.folder / "packed.wav", seconds=0.2, frequency=911.0)
        archive.write(tone, "Tones/packed.wav")
    return path.name


def _secret(w: CliHarness) -> str:
    return str(w.shell.user.collections.create_link(_collection(w)).secret)


def commands() -> list[str]:
    """Return every command, one of a group behind the group's name."""
    groups = [
        ("", app),
        *((f"{command.name} ", command.typer_instance) for command in app.registered_groups),
    ]
    return [
        group + (command.name or str(command.callback.__name__ if command.callback else ""))
        for group, of in groups
        for command in of.registered_commands
    ]


def harness_for(harness: CliHarness, name: str, server: RunningServer, folder: Path) -> CliHarness:
    if name.startswith(("invitations ", "admin ")):
        assert server.administrator is not None
        save(server.administrator.credentials, folder / "credentials.json")
        return replace(harness, shell=Shell(server.administrator, folder, server.url))
    if name not in APART:
        return harness
    return replace(harness, shell=shell_of(server, folder))


@pytest.mark.parametrize("name", sorted(set(commands()) - NOT_HERE))
def test_json_is_one_document(
    harness: CliHarness, server: RunningServer, tmp_path: Path, name: str
) -> None:
    harness = harness_for(harness, name, server, tmp_path)
    done = harness.shell(*name.split(), *GOOD[name](harness), "--json")
    assert done.returncode == 0, done.stderr
    # Only live events are a stream: one object a line.
    documents = done.stdout.splitlines() if name == "watch" else [done.stdout]
    assert documents
    for document in documents:
        json.loads(document)


@pytest.mark.parametrize("name", commands())
def test_a_fault_is_one_json_object_on_standard_error(
    harness: CliHarness, server: RunningServer, tmp_path: Path, name: str
) -> None:
    harness = harness_for(harness, name, server, tmp_path)
    words, code = BAD[name]
    arguments = [harness.shell.url if word == "URL" else word for word in words]
    done = harness.shell(*name.split(), *arguments, "--json")
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    report = json.loads(done.stderr)
    assert report["exit"] == code
    text = json.dumps(report)
    for leaked in ("constrained", "function-", "pattern", "^[", "Traceback"):
        assert leaked not in text


def test_a_word_that_is_no_kind_is_answered_with_those_there_are(harness: CliHarness) -> None:
    done = harness.shell("get", harness.item, "--kind", "bogus", "--json")
    assert done.returncode == 2
    assert "Choose from original, canonical, peaks" in json.loads(done.stderr)["detail"]


def test_a_search_lists_what_it_found_and_says_what_it_understood(harness: CliHarness) -> None:
    done = harness.shell("search", "tone bpm:>9000 len:1..2")
    assert (done.returncode, done.stdout) == (0, "")
    assert "bpm:>9000: more than 9000 BPM" in done.stderr
    assert "No items match." in done.stderr
    done = harness.shell("search", "TON", "--kind", "track")
    (line,) = done.stdout.splitlines()
    assert line.split("\t") == [harness.item, "track", *line.split("\t")[2:6], "tone.wav"]
    assert "1 to 1 of 1" in done.stderr


def test_parameters_are_checked_where_they_are_given(harness: CliHarness) -> None:
    refused = harness.shell(
        "run", "full", harness.item, "-p", "separation.weights=htdemucs_6s", "--json"
    )
    assert refused.returncode == 5
    ((field),) = json.loads(refused.stderr)["fields"]
    assert field["field"] == "body.params.separation.weights"
    assert "choose from" in field["message"]
    assert "spleeter-2stems" in field["message"]
    refused = harness.shell("run", "full", harness.item, "-p", "bogus.weights=x", "--json")
    assert "it has separation, analysis" in refused.stderr
    refused = harness.shell("run", "full", harness.item, "-p", "separation.bogus=1", "--json")
    assert "there are weights, stems" in refused.stderr


def test_a_task_runs_on_what_a_search_finds_and_leaves_out_what_is_done(
    harness: CliHarness,
) -> None:
    harness.shell("run", "midi", harness.item)
    done = harness.shell("run", "midi", "--search", "tone kind:track", "--json")
    assert json.loads(done.stdout) == {"started": 0, "existing": 1}
    refused = harness.shell("run", "midi", harness.item, "--search", "tone")
    assert refused.returncode == 2
