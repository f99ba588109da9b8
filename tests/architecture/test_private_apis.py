"""Private parts of other packages that our code uses: an upgrade of one is noticed here.

A failure says that a package has another version than was read, or that a name which is not part
of its public interface has gone or changed. Read the code named in the record against the new
version, run its tests, then change the row of the record and the table below.
"""

import ast
import inspect
import re
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest

from tests.architecture.sources import PACKAGES, ROOT, sources

RECORD = ROOT / "docs" / "decisions" / "0008-private-apis.md"
PROTOCOL = "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol"
CYCLE = "uvicorn.protocols.http.httptools_impl:RequestResponseCycle"
CURSOR = "sqlalchemy.dialects.sqlite.aiosqlite:AsyncAdapt_aiosqlite_cursor"
CONNECTION = "sqlalchemy.dialects.sqlite.aiosqlite:AsyncAdapt_aiosqlite_connection"
MINIO = "minio:Minio"

CALLED = {
    f"{PROTOCOL}.__init__": "self config server_state app_state _loop",
    f"{PROTOCOL}.connection_made": "self transport",
    f"{PROTOCOL}.connection_lost": "self exc",
    f"{PROTOCOL}.data_received": "self data",
    f"{PROTOCOL}.on_message_begin": "self",
    f"{PROTOCOL}.on_header": "self name value",
    f"{PROTOCOL}.on_headers_complete": "self",
    f"{PROTOCOL}.on_body": "self body",
    f"{PROTOCOL}.on_message_complete": "self",
    f"{PROTOCOL}._unset_keepalive_if_required": "self",
    "uvicorn:Server.capture_signals": "self",
    f"{CURSOR}._make_new_cursor": "self connection",
    f"{CURSOR}._aenter_cursor": "self cursor",
    f"{CURSOR}._execute_async": "self operation parameters",
    f"{CURSOR}._executemany_async": "self operation seq_of_parameters",
    f"{CURSOR}.close": "self",
    f"{CONNECTION}.__init__": "self dbapi connection",
    f"{CONNECTION}.rollback": "self",
    "aiosqlite:Connection._execute": "self fn args kwargs",
    "asyncpg:Connection.execute": "self query args timeout",
    "alembic.script:ScriptDirectory._upgrade_revs": "self destination current_rev",
    f"{MINIO}._create_multipart_upload": "self bucket_name object_name headers",
    f"{MINIO}._complete_multipart_upload": "self bucket_name object_name upload_id parts ssec",
    f"{MINIO}._abort_multipart_upload": "self bucket_name object_name upload_id",
    f"{MINIO}._list_multipart_uploads": "self bucket_name delimiter encoding_type key_marker "
    "max_uploads prefix upload_id_marker extra_headers extra_query_params",
    f"{MINIO}._list_parts": "self bucket_name object_name upload_id max_parts part_number_marker "
    "extra_headers extra_query_params",
    "minio.helpers:BaseURL.build": "self method region bucket_name object_name query_params",
    "starlette.middleware.cors:CORSMiddleware.preflight_response": "self request_headers",
    "starlette.requests:Request.body": "self",
    "starlette.requests:Request.json": "self",
    "fastapi.routing:APIRoute.get_route_handler": "self",
}
"""Private functions, and functions that we override, with their parameters."""
ASSIGNED = {
    PROTOCOL: "client cycle flow headers loop parser pipeline transport url",
    CYCLE: "disconnected keep_alive message_event more_body response_complete response_started",
    "aiosqlite:Connection": "_connection",
    "aiokafka:AIOKafkaConsumer": "_client",
    "aiokafka:AIOKafkaProducer": "client",
    MINIO: "_base_url",
}
"""Attributes of instances, which their classes set."""
NAMES = {
    CURSOR: "_adapt_connection _awaitable_cursor_close _connection _cursor _rows",
    CONNECTION: "_connection _cursor_cls _execute_mutex",
    "aiosqlite:Connection": "_conn",
    "starlette.responses:FileResponse": "max_ranges",
    "onnxruntime.capi:onnxruntime_pybind11_state": "EPFail Fail InvalidArgument InvalidGraph "
    "InvalidProtobuf NoSuchFile NotImplemented RuntimeException",
}
"""Attributes of classes and modules."""
OWN = frozenset(("_exit", "_replace"))
"""Public names of the standard library that begin with an underscore."""


def named(path: str) -> Any:
    """Return what `module:name.name` names."""
    module, _, names = path.partition(":")
    result = import_module(module)
    for name in names.split("."):
        result = getattr(result, name)
    return result


def rows() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the version read of each package in the record, and the files that use it."""
    result = {}
    for line in RECORD.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 5:
            result[cells[0].strip("`")] = cells[1], tuple(re.findall(r"`([^`]+\.py)`", cells[3]))
    return result


@pytest.mark.parametrize("package", rows())
def test_the_installed_version_is_one_that_was_read(package: str) -> None:
    read, _ = rows()[package]
    parts = read.split(".")
    assert version(package).split(".")[: len(parts)] == parts, (
        f"{package} {version(package)} is installed, but {read} was read: see {RECORD.name}"
    )


def test_the_record_has_a_row_for_each_package() -> None:
    modules = {path.partition(":")[0].split(".")[0] for path in (*CALLED, *ASSIGNED, *NAMES)}
    assert modules == set(rows())


@pytest.mark.parametrize("path", CALLED)
def test_a_function_takes_what_it_took_when_it_was_read(path: str) -> None:
    assert " ".join(inspect.signature(named(path)).parameters) == CALLED[path]


@pytest.mark.parametrize("path", ASSIGNED)
def test_instances_have_the_attributes_that_are_used(path: str) -> None:
    tree = ast.parse(inspect.getsource(named(path)))
    assigned = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    assert set(ASSIGNED[path].split()) <= assigned


@pytest.mark.parametrize("path", NAMES)
def test_classes_have_the_attributes_that_are_used(path: str) -> None:
    assert set(NAMES[path].split()) <= set(dir(named(path)))


def test_every_private_name_that_code_uses_is_recorded() -> None:
    recorded = {name for names in (*ASSIGNED.values(), *NAMES.values()) for name in names.split()}
    recorded |= {path.rpartition(".")[2] for path in CALLED} | OWN
    unknown = []
    for path in sources(*PACKAGES):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            private = isinstance(node, ast.Attribute) and re.match(r"_(?!_)", node.attr)
            if private and node.attr not in recorded and not _is_own(node, tree):
                unknown.append(f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}")
    assert unknown == []


def _is_own(used: ast.Attribute, tree: ast.Module) -> bool:
    """Return whether the file itself gives something this private name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == used.attr:
            return True
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name == used.attr:
                return True
    return False
