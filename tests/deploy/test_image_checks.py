"""What images are built from, and the checks of what they hold, on small trees of files."""

import json
from datetime import date
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.images import advisories, builds
from deploy.images.advisories import Advisory, Audit, Waiver
from deploy.images.builds import Build, ImageError, build_command, services
from deploy.images.confined import confined_command, confined_environment
from deploy.images.contents import locked_versions, problems, read_contents
from deploy.images.sbom import sbom, web_packages
from deploy.images.secret_scan import secrets_in_folder, secrets_in_image
from deploy.images.store import ImageConfig
from tests.architecture.sources import ROOT

CONFIG = ImageConfig(
    user="10001",
    command=("/app/start",),
    environment={"PATH": "/venv/bin:/usr/bin", "KIT_WEIGHTS_DIR": "/weights"},
    working_folder="/app",
    labels={},
    history=("/bin/sh -c #(nop) USER 10001",),
)
CANARY = "canary0123456789abcdef0123456789"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small tree like that of the image of slicing, with every package of its lock."""
    site = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    for name, version in locked_versions(ROOT / "requirements" / "slicing.txt").items():
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(f"{metadata}License-Expression: MIT\n")
        (info / "RECORD").write_text(f"{info.name}/METADATA,,\n")
    app = tmp_path / "app"
    for folder in ("contracts", "kit", "services/slicing"):
        (app / folder / "__pycache__").mkdir(parents=True)
        (app / folder / "__init__.py").touch()
        (app / folder / "__pycache__" / "__init__.cpython-311.pyc").touch()
    (app / "clients" / "web" / "dist").mkdir(parents=True)
    (app / "start").touch()
    status = tmp_path / "var" / "lib" / "dpkg" / "status"
    status.parent.mkdir(parents=True)
    status.write_text(
        "Package: libc6\nStatus: install ok installed\nInstalled-Size: 100\nVersion: 2.36-9\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    (tmp_path / "weights").mkdir()
    return tmp_path


def test_every_service_has_an_image_and_no_other_is_built() -> None:
    extras = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nEXTRAS := ")[1]
    assert set(services()) == set(extras.splitlines()[0].split())
    assert all((ROOT / Build(name).lock).is_file() for name in services())
    with pytest.raises(ImageError, match="unknown service 'lirbary'; choose from: gateway, "):
        Build("lirbary")


def test_a_variant_for_gpus_has_its_own_lock_and_tag() -> None:
    build = Build("midi", gpu=True, version="1.2")
    assert build.tag == "cratedig/midi:1.2-gpu"
    assert build.arguments() == {"SERVICE": "midi", "LOCK": "requirements/midi-gpu.txt"}
    assert builds.gpu_services() == ("midi", "separation", "tagging")
    for name in builds.gpu_services():
        assert (ROOT / Build(name, gpu=True).lock).is_file()
    with pytest.raises(ImageError, match="library has no variant for GPUs; these have one: midi"):
        Build("library", gpu=True)


def test_weights_are_baked_only_where_there_are_some() -> None:
    assert Build("tagging", baked=True).arguments()["WEIGHTS"] == "baked"
    with pytest.raises(ImageError, match="slicing has no weights; these have some: analysis"):
        Build("slicing", baked=True)


def test_all_programs_get_the_same_command() -> None:
    command = build_command(Build("midi"), extra_arguments={"PYTHON_IMAGE": "example/python"})
    assert command == (
        *("build", "--file", str(ROOT / "Dockerfile"), "--tag", "cratedig/midi:dev"),
        *("--build-arg", "SERVICE=midi", "--build-arg", "PYTHON_IMAGE=example/python", str(ROOT)),
    )


def test_an_image_is_made_of_its_own_files_and_lock() -> None:
    digests = {name: builds.inputs_digest(Build(name)) for name in services()}
    assert len(set(digests.values())) == len(digests)
    assert builds.inputs_digest(Build("midi")) == digests["midi"]
    assert builds.inputs_digest(Build("midi", gpu=True)) != digests["midi"]
    assert builds.inputs_digest(Build("midi", baked=True)) != digests["midi"]


def test_without_a_program_that_works_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # docker is there, but its daemon does not run.
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="apt-get install buildah"):
        builds.find_program()
    (tmp_path / "podman").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "podman").chmod(0o755)
    assert builds.find_program() == str(tmp_path / "podman")


def test_a_good_image_has_no_problem(root: Path) -> None:
    assert problems(root, Build("slicing")) == []
    assert secrets_in_image(root, CONFIG) == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("usr/bin/x86_64-linux-gnu-gcc-12", "/usr/bin/x86_64-linux-gnu-gcc-12 is a program that"),
        ("venv/bin/cc", "/venv/bin/cc is a program that builds others"),
        ("var/cache/apt/archives/a.deb", "/var/cache/apt/archives/a.deb is a cache"),
        ("home/cratedig/.cache/pip", "/home/cratedig/.cache is a cache"),
        ("app/kit/tests/test_it.txt", "/app/kit/tests holds tests"),
        ("app/services/midi/x", "/app/services holds ['midi', 'slicing']"),
        ("app/README.md", "/app holds ['README.md', "),
        ("app/kit/more.py", "1 modules of /app are not compiled"),
        ("app/clients/web/dist/index.html", "the web client is in it"),
    ],
)
def test_what_does_not_belong_into_an_image_is_named(root: Path, path: str, says: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).touch()
    (problem,) = problems(root, Build("slicing"))
    assert problem.startswith(says)


def test_a_package_more_or_less_than_the_lock_is_named(root: Path) -> None:
    site = root / "venv" / "lib" / "python3.11" / "site-packages"
    (numpy,) = site.glob("numpy-*")
    (numpy / "METADATA").write_text("Metadata-Version: 2.4\nName: torch\nVersion: 9\n")
    wrong = problems(root, Build("slicing"))
    assert wrong[0].startswith("no numpy; requirements/slicing.txt has 2.")
    assert wrong[1:] == ["torch 9 is installed; requirements/slicing.txt has none"]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        (".env", "", "has the name of a file of secrets"),
        ("a.txt", f"KIT_INTERNAL_SECRET={CANARY}", "holds the value of a secret setting"),
        ("a.yaml", f'POSTGRES_PASSWORD: "{CANARY}"', "holds the value of a secret setting"),
        ("a.txt", f"https://someone:{CANARY}@example.org/", "holds an address with a password"),
        ("a.txt", f"ghp_{'a1B2' * 9}", "holds a token of GitHub"),
        ("a.txt", f"AK{'IA'}{'ABCD' * 4}", "holds a key of AWS"),
        (
            "a.txt",
            f"-----BEGIN {'PRIVATE'} KEY-----\n{'MIIB' * 16}\n",
            "holds a private key",
        ),
    ],
)
def test_a_planted_secret_is_found(tmp_path: Path, name: str, content: str, what: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_text(content)
    assert list(secrets_in_folder(tmp_path)) == [(tmp_path / "deep" / name, what)]


def test_a_secret_in_a_build_argument_or_in_the_environment_is_found(tmp_path: Path) -> None:
    leaking = ImageConfig(
        user="10001",
        command=(),
        environment={"POSTGRES_PASSWORD": CANARY},
        working_folder="/",
        labels={},
        history=(f"|1 KIT_INTERNAL_SECRET={CANARY} /bin/sh -c true",),
    )
    what = "the image's configuration holds the value of a secret setting"
    assert secrets_in_image(tmp_path, leaking) == [what, what]


def test_names_of_settings_and_placeholders_are_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "KIT_INTERNAL_SECRET=\nPOSTGRES_PASSWORD=${POSTGRES_PASSWORD:?x}\n"
        "s3+https://KEY:SECRET@host\npostgresql+asyncpg://user:secret@host/name\n"
    )
    assert list(secrets_in_folder(tmp_path)) == []


def test_the_key_of_a_librarys_self_test_is_no_secret(tmp_path: Path) -> None:
    key = f"-----BEGIN {'PRIVATE'} KEY-----\n{'MIIB' * 16}\n".encode()
    (tmp_path / "libtls.so").write_bytes(b"\x7fELF\0\0" + key)
    assert list(secrets_in_folder(tmp_path)) == []


def test_a_bill_of_materials_lists_what_is_installed(root: Path) -> None:
    contents = read_contents(root)
    text = sbom(Build("slicing"), contents)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    listed = json.loads(text)
    assert listed["metadata"]["component"]["name"] == "cratedig/slicing"
    urls = {part["purl"].partition("?")[0] for part in listed["components"]}
    locked = locked_versions(ROOT / "requirements" / "slicing.txt")
    pypi = {f"pkg:pypi/{name}@{version}" for name, version in locked.items()}
    assert urls == pypi | {"pkg:deb/debian/libc6@2.36-9"}
    names = {package.name for package in web_packages()}
    assert "react" in names
    assert not names & {"vite", "typescript"}, "these only build the page"


WAIVER = Waiver("GHSA-1", "numpy", date(2030, 6, 30), "no service calls it")


@pytest.mark.parametrize(
    ("today", "waivers", "passed", "says"),
    [
        (date(2030, 6, 30), [WAIVER], True, "waived "),
        (date(2030, 7, 1), [WAIVER], False, "the waiver ended on 2030-06-30"),
        (date(2030, 6, 30), [], False, "fixed in 3"),
    ],
)
def test_an_advisory_fails_unless_a_waiver_is_valid(
    today: date, waivers: list[Waiver], passed: bool, says: str
) -> None:
    audit = Audit("midi.txt", (Advisory("GHSA-1", "numpy", "2", ("3",)),))
    lines, good = advisories.report([audit], waivers, today=today)
    assert good is passed
    assert says in lines[0]


def test_what_the_index_does_not_answer_is_not_checked() -> None:
    skipped = {"dependencies": [{"name": "numpy", "skip_reason": "not on the index"}]}
    audits = [
        advisories.read_pip_audit("midi.txt", json.dumps(skipped), ""),
        advisories.read_pip_audit("tagging.txt", "", "Traceback\nConnectionError: refused\n"),
        advisories.read_npm_audit("page", '{"message": "405 Method Not Allowed"}', ""),
        advisories.read_pip_audit("export.txt", '{"dependencies": []}', ""),
    ]
    lines, passed = advisories.report(audits, [], today=date(2030, 1, 1))
    assert passed
    assert lines == [
        "not checked  midi.txt: 1 of 1 packages, first numpy: not on the index",
        "not checked  tagging.txt: ConnectionError: refused",
        "not checked  page: 405 Method Not Allowed",
        "none known   export.txt",
    ]


def test_advisories_of_both_tools_are_read() -> None:
    python = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    assert advisories.read_pip_audit(
        "x", json.dumps({"dependencies": [python]}), ""
    ).advisories == (Advisory("PYSEC-1", "a", "1", ("2",)),)
    via = [{"url": "https://example.org/advisories/GHSA-2"}, "another"]
    page = {"vulnerabilities": {"b": {"range": "<3", "via": via}}}
    assert advisories.read_npm_audit("x", json.dumps(page), "").advisories == (
        Advisory("GHSA-2", "b", "<3"),
    )


def test_the_waivers_of_the_repository_are_valid() -> None:
    for waiver in advisories.read_waivers():
        assert waiver.reason
        assert isinstance(waiver.until, date)


def test_a_run_has_the_images_environment_and_nothing_of_this_machine() -> None:
    environment = confined_environment(CONFIG, {"KIT_LOG_LEVEL": "INFO"})
    assert environment == {
        "HOME": "/home/cratedig",
        "PATH": "/venv/bin:/usr/bin",
        "KIT_WEIGHTS_DIR": "/weights",
        "KIT_LOG_LEVEL": "INFO",
    }


def test_a_run_is_the_images_own_command_in_its_folder(tmp_path: Path) -> None:
    command = confined_command(tmp_path, CONFIG, volumes={"/tmp": tmp_path / "volume"})
    assert command[-4:] == (str(tmp_path / "volume"), "/tmp", "rw", "/app/start")
    assert {str(tmp_path), "10001", "/app"} <= set(command)
