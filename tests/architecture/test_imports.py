"""Who may import what: the rules that import-linter cannot say."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, importers, imports, services, sources

ONLY_IN = {
    "aiokafka": {f"kit/bus/kafka/{name}.py" for name in ("bus", "clients", "consumer", "session")},
    "minio": {"kit/objects/minio.py"},
    "jose": {"kit/auth/tokens.py"},
    "argon2": {"kit/auth/passwords.py"},
    "onnxruntime": {"kit/inference/onnxruntime.py"},
    "openTSNE": {"services/library/maps/layout.py"},
    "openvino": {"kit/inference/openvino.py"},
}
HEAVY = ("torch", "demucs", "basic_pitch", "faster_whisper", "ctranslate2", "librosa", "whisper")
ENGINE_FILES = re.compile(r"^services/\w+/(engine|engines/\w+|dsp)\.py$|^kit/audio/")


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_a_library_is_used_in_one_place(package: str) -> None:
    assert importers(package, *PACKAGES) <= ONLY_IN[package]


@pytest.mark.parametrize("package", HEAVY)
def test_heavy_packages_stay_in_engines(package: str) -> None:
    outside = {name for name in importers(package, *PACKAGES) if not ENGINE_FILES.match(name)}
    assert not outside


def test_only_settings_read_the_environment() -> None:
    readers = set()
    for path in sources(*PACKAGES):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"):
                readers.add(str(path.relative_to(ROOT)))
    assert readers <= {"kit/settings.py"}


def test_nobody_asks_whether_the_server_is_embedded() -> None:
    pattern = re.compile(r"\bembedded\b", re.IGNORECASE)
    asking = []
    for path in sources("contracts", "kit", "gateway", "services"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if any(pattern.search(name.replace("_", " ")) for name in names):
            asking.append(str(path.relative_to(ROOT)))
    assert not asking


@pytest.mark.parametrize("folder", services(), ids=lambda path: path.name)
def test_others_import_only_service_and_settings(folder: Path) -> None:
    name = f"services.{folder.name}"
    allowed = {f"{name}.service", f"{name}.service.SERVICE", f"{name}.settings", name}
    for path in sources("embedded", "gateway"):
        used = {
            module for module in imports(path) if module == name or module.startswith(name + ".")
        }
        assert all(
            module in allowed or module.startswith(f"{name}.settings.") for module in used
        ), path


@pytest.mark.parametrize("folder", services(), ids=lambda path: path.name)
def test_importing_a_service_imports_no_engine(folder: Path) -> None:
    heavy = (*HEAVY, "onnxruntime", "openvino", "onnx", "soundfile", "soxr")
    code = (
        f"import sys, services.{folder.name}.service\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", services(), ids=lambda path: path.name)
def test_inside_a_worker_the_way_is_service_handler_engine(folder: Path) -> None:
    name = f"services.{folder.name}"
    for lower, uppers in {"engine": ("handler", "service"), "dsp": ("handler", "engine")}.items():
        path = folder / f"{lower}.py"
        if path.is_file():
            used = set(imports(path))
            assert not used & {f"{name}.{upper}" for upper in uppers}
