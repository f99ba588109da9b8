"""Build the programs that `make test-k8s` runs from their Go modules: Kubernetes, etcd, kwok, Helm.

The modules beside this file pin their versions, and go.sum every byte. The command
`python -m deploy.tools.build` builds all of them: a quarter of an hour on two processors, once.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.servers.base import Say
from deploy.servers.tools import building, cache, require, run_shown

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Program:
    """A program of a Go module."""

    folder: str
    """The folder beside this file whose go.mod names the version."""
    module: str
    package: str


PROGRAMS = {
    **{
        name: Program("kubernetes", "k8s.io/kubernetes", f"k8s.io/kubernetes/cmd/{name}")
        for name in ("kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    },
    "etcd": Program("kubernetes", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    "kwok": Program("kwok", "sigs.k8s.io/kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    "helm": Program("helm", "helm.sh/helm/v4", "helm.sh/helm/v4/cmd/helm"),
}
VERSION = "k8s.io/component-base/version"


def version(program: Program) -> str:
    """Return the version that a module pins, such as `v1.35.4`."""
    text = (HERE / program.folder / "go.mod").read_text(encoding="utf-8")
    match = re.search(rf"^(?:require )?\s*{re.escape(program.module)} (v\S+)", text, re.MULTILINE)
    assert match is not None, f"{program.folder}/go.mod requires {program.module}"
    return match[1]


def built(name: str, say: Say) -> Path:
    """Return the path of a program, building it if it is not in the cache.

    Raises
    ------
    ServerError
        Go is missing, or the build failed.
    """
    program = PROGRAMS[name]
    number = version(program)
    target = cache() / f"{name}-{number}"
    with building(target, say) as draft:
        if draft is not None:
            major, minor = number.removeprefix("v").split(".")[:2]
            flags = (
                f"-s -w -X {VERSION}.gitVersion={number} "
                f"-X {VERSION}.gitMajor={major} -X {VERSION}.gitMinor={minor}"
            )
            source = str(HERE / program.folder)
            options = ("-trimpath", "-mod=readonly", f"-ldflags={flags}", "-o", str(draft / name))
            run_shown(
                (require("go"), "build", "-C", source, *options, program.package),
                label=f"building {name} {number} (minutes, once)",
                say=say,
                folder=draft,
                environment={"CGO_ENABLED": "0"},
            )
    return target / name


if __name__ == "__main__":
    for every in PROGRAMS:
        built(every, lambda line: print(line, file=sys.stderr, flush=True))
