"""Confine this process as far as the system allows, then become another program.

A script of the standard library alone, started by path with an empty environment:
`confine.py SPEC program arguments…`, where SPEC is JSON, or `confine.py --check`, which tries
every layer on itself and prints the names of those that hold. A layer that was asked for and does
not hold ends the process with `FAILED` before the program starts.

Layers: `namespaces` (user, network, IPC, host name: no network but a dead loopback), `readonly`
(every mount read-only), `landlock` (only the named paths can be opened, none written), `seccomp`
(no sockets, processes, signals, tracing, mounts, kernel keys or modules). Limits and the loss of
all privileges are always applied.
"""

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable

FAILED = 125
MARK = "confine: "

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
_NAMESPACES = 0x10000000 | 0x00020000 | 0x40000000 | 0x08000000 | 0x04000000
"""User, mount, network, IPC, UTS."""
_NOBODY = 65_534

_SYS_MOUNT_SETATTR, _SYS_LANDLOCK_CREATE, _SYS_LANDLOCK_ADD, _SYS_LANDLOCK_RESTRICT = (
    442,
    444,
    445,
    446,
)
_EXECUTE, _READ_FILE, _READ_DIR = 1, 4, 8

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_DENIED = {
    # socket … shutdown, socketpair, accept4, recvmmsg, sendmmsg; fork, vfork; kill, tkill, tgkill,
    # rt_sigqueueinfo, rt_tgsigqueueinfo; ptrace, process_vm_*; chroot, pivot_root, mount, umount2,
    # unshare, setns; modules, kexec, reboot, swap; keys; perf, bpf, userfaultfd; handles.
    "x86_64": (
        *(41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 53, 288, 299, 307, 57, 58, 62, 200, 234),
        *(129, 297, 101, 310, 311, 161, 155, 165, 166, 272, 308, 175, 313, 176, 246, 320, 169),
        *(167, 168, 248, 249, 250, 298, 321, 323, 303, 304),
    ),
    "aarch64": (
        *(198, 203, 202, 206, 207, 211, 212, 210, 200, 201, 199, 242, 243, 269, 129, 130, 131),
        *(138, 240, 117, 270, 271, 51, 41, 40, 39, 97, 268, 105, 273, 106, 104, 294, 142),
        *(224, 225, 217, 218, 219, 241, 280, 282, 264, 265),
    ),
}
_DENIED_ANYWHERE = (424, 425, 426, 427, 428, 429, 430, 431, 432, 434, 438)
"""Signals and file descriptors of others' processes, io_uring, the new mount calls."""


class Failed(Exception):
    """A layer does not hold here."""


def _call(name: str, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(getattr(libc, name)(*arguments))
    if result < 0:
        raise Failed(f"{name}: {os.strerror(ctypes.get_errno())}")
    return result


def _long(value: int) -> ctypes.c_long:
    return ctypes.c_long(value)


def namespaces(_reads: list[str]) -> None:
    """Leave the network, the users and the IPC of the system."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", _NAMESPACES)
    try:
        with open("/proc/self/setgroups", "w") as file:  # noqa: PTH123
            file.write("deny")
        for name, own in (("uid", user), ("gid", group)):
            with open(f"/proc/self/{name}_map", "w") as file:  # noqa: PTH123
                file.write(f"{_NOBODY} {own} 1")
    except OSError as error:
        raise Failed(f"mapping users: {error}") from error


def readonly(_reads: list[str]) -> None:
    """Make every mount read-only; needs the namespaces."""
    private, recursive = 1 << 18, 1 << 14
    _call("mount", None, b"/", None, ctypes.c_ulong(private | recursive), None)
    attributes = struct.pack("<QQQQ", 1 | 2 | 4, 0, 0, 0)  # Read-only, no set-uid, no devices.
    current, whole_tree = -100, 0x8000
    _call(
        "syscall",
        _long(_SYS_MOUNT_SETATTR),
        _long(current),
        b"/",
        _long(whole_tree),
        attributes,
        _long(len(attributes)),
    )


def landlock(reads: list[str]) -> None:
    """Allow the named paths to be read and run, and nothing else to be opened."""
    version = _call("syscall", _long(_SYS_LANDLOCK_CREATE), None, _long(0), _long(1))
    rights = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    rules = [(1 << rights) - 1]
    if version >= 4:
        rules.append(3)  # Binding and connecting TCP.
    if version >= 6:
        rules.append(3)  # Abstract sockets, and signals, to the outside.
    attributes = struct.pack(f"<{len(rules)}Q", *rules)
    ruleset = _call(
        "syscall", _long(_SYS_LANDLOCK_CREATE), attributes, _long(len(attributes)), _long(0)
    )
    for path in reads:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        allowed = _EXECUTE | _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)  # noqa: PTH112
        rule = struct.pack("<Qi", allowed, opened)
        _call("syscall", _long(_SYS_LANDLOCK_ADD), _long(ruleset), _long(1), rule, _long(0))
        os.close(opened)
    _call("syscall", _long(_SYS_LANDLOCK_RESTRICT), _long(ruleset), _long(0))
    os.close(ruleset)


def seccomp(_reads: list[str]) -> None:
    """Deny the system calls that no decoder needs."""
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        raise Failed(f"seccomp: no list of system calls for {machine}")

    def step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("<HBBI", code, yes, no, value)

    load, equal, above, masked, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill = 0x7FFF0000, 0x80000000
    no_permission, unknown = 0x00050000 | 1, 0x00050000 | 38
    program = [
        step(load, 4),
        step(equal, _AUDIT_ARCH[machine], yes=1),
        step(answer, kill),
        step(load, 0),
    ]
    if machine == "x86_64":  # The calls of the x32 form have numbers of their own.
        program += [step(above, 0x40000000, no=1), step(answer, no_permission)]
    for number in (*_DENIED[machine], *_DENIED_ANYWHERE):
        program += [step(equal, number, no=1), step(answer, no_permission)]
    # The C library falls back to `clone`, whose flags can be seen: threads are all it may make.
    program += [
        step(equal, _CLONE3, no=1),
        step(answer, unknown),
        step(equal, _CLONE[machine], no=3),
        step(load, 16),
        step(masked, 0x00010000, yes=1),
        step(answer, no_permission),
        step(answer, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(program))
    filters = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(code))
    _call("prctl", _PR_SET_SECCOMP, _long(2), filters, _long(0), _long(0))


LAYERS: dict[str, Callable[[list[str]], None]] = {
    "namespaces": namespaces,
    "readonly": readonly,
    "landlock": landlock,
    "seccomp": seccomp,
}
"""In the order in which they must be applied."""


def drop_privileges() -> None:
    """Make sure that no privilege survives, and that this process dies with its parent."""
    if sys.platform != "linux":
        return
    _call("prctl", _PR_SET_PDEATHSIG, _long(signal.SIGKILL), _long(0), _long(0), _long(0))
    _call("prctl", _PR_SET_NO_NEW_PRIVS, _long(1), _long(0), _long(0), _long(0))
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, _long(capability), _long(0), _long(0), _long(0))


def limit(limits: dict[str, list[int]]) -> None:
    """Apply resource limits, each as its soft and its hard value."""
    for name, (soft, hard) in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            continue
        current_hard = resource.getrlimit(kind)[1]
        if current_hard != resource.RLIM_INFINITY:
            soft, hard = min(soft, current_hard), min(hard, current_hard)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError) as error:
            if sys.platform == "linux":
                raise Failed(f"limiting {name}: {error}") from error


def check() -> list[str]:
    """Apply every layer to this process and return the names of those that hold."""
    held: list[str] = []
    drop_privileges()
    if sys.platform != "linux":
        return held
    for name, layer in LAYERS.items():
        try:
            layer([])
        except (Failed, AttributeError, OSError):
            continue
        held.append(name)
    return held


def main() -> None:
    """Confine this process and run a program in it, or print which layers hold (`--check`)."""
    if sys.argv[1] == "--check":
        print(json.dumps(check()))
        return
    spec = json.loads(sys.argv[1])
    parent, arguments = int(spec["parent"]), sys.argv[2:]
    try:
        limit(spec["limits"])
        # The bounding set goes before the namespaces: in them it could be had again.
        drop_privileges()
        if os.getppid() != parent:
            raise Failed("the worker is gone")
        for name, layer in LAYERS.items():
            if name in spec["layers"]:
                layer(spec["reads"])
        os.execve(arguments[0], arguments, {})  # noqa: S606
    except (Failed, OSError) as error:
        print(f"{MARK}{error}", file=sys.stderr, flush=True)
        os._exit(FAILED)


if __name__ == "__main__":
    main()
