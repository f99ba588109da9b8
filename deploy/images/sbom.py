"""The software bill of materials of an image: CycloneDX 1.6 in JSON.

It lists what the image's own package databases say is installed, not what was asked for: Python's
metadata, dpkg's status, and for the gateway the packages of which the web client's page is made.
"""

import json
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from deploy.images.builds import ROOT, Build
from deploy.images.contents import Contents, Package

WEB_LOCK = ROOT / "clients" / "web" / "package-lock.json"


def sbom(build: Build, contents: Contents) -> str:
    """Return the bill of materials of an image, in JSON."""
    bom = Bom()
    name, _, version = build.tag.partition(":")
    image = Component(name=name, version=version, type=ComponentType.CONTAINER, bom_ref=build.tag)
    bom.metadata.component = image
    packages = [("pypi", "", package) for package in contents.python]
    packages += [("deb", "debian", package) for package in contents.debian]
    if contents.web:
        packages += [("npm", "", package) for package in web_packages()]
    for kind, namespace, package in packages:
        bom.components.add(_component(kind, namespace, package))
    bom.register_dependency(image, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def web_packages(lock: Path = WEB_LOCK) -> list[Package]:
    """Return the packages of which the web client's page is made, without those of its build."""
    entries = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return [
        Package(path.rpartition("node_modules/")[2], entry["version"], 0, entry.get("license", ""))
        for path, entry in entries.items()
        if path and not entry.get("dev") and not entry.get("link")
    ]


def _component(kind: str, namespace: str, package: Package) -> Component:
    scope, _, name = package.name.rpartition("/")
    url = PackageURL(
        type=kind, namespace=scope or namespace or None, name=name, version=package.version
    )
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=str(url),
        licenses=[DisjunctiveLicense(name=package.licence)] if package.licence else None,
    )
