"""A user's samples with vectors, tagged as a worker would."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import TaskName
from contracts.tagging import SampleTags, SoundClass, SoundVector, Tags, VectorSpace
from kit.clock import new_id
from services.library.search.tag_files import TagFiles
from tests.library.catalogue import SLICING, Catalogue, User, WorkerFile
from tests.library.search.test_tag_files import KICK, RESULT, files

VERSION = "kits-1"


def vector(
    components: Sequence[float], *, space: VectorSpace = VectorSpace.SAMPLE, version: str = VERSION
) -> SoundVector:
    data = base64.b64encode(np.array(components, "<f2").tobytes()).decode()
    return SoundVector(space=space, version=version, data=data)


def angle(degrees: float) -> SoundVector:
    """Return a vector in a plane: sounds are as far from each other as their angles."""
    radians = np.deg2rad(degrees)
    return vector([np.cos(radians), np.sin(radians), 0.0])


def sample(name: str, place: SoundVector | None, **values: Any) -> SampleTags:
    values = {"label": SoundClass.KICK, "sound": KICK, **values}
    return SampleTags(file=f"{name}.flac", confidence=0.9, scores={}, vector=place, **values)


async def read_all(catalogue: Catalogue) -> None:
    vectors = catalogue.server.vectors
    reader = TagFiles(catalogue.database, catalogue.objects, vectors)
    while await reader.read():
        pass


async def add_samples(
    user: User,
    catalogue: Catalogue,
    samples: Sequence[SampleTags],
    data: Mapping[str, bytes] | None = None,
) -> dict[str, str]:
    """Cut samples from a song and tag them; return their ids by name.

    `data` are the bytes of some samples' audio; others have bytes of their own.
    """
    song = await user.track(new_id().encode(), name="Evening.wav")
    steps = [
        {"name": "slicing", "task": "slicing"},
        {
            "name": "tagging",
            "task": "tagging",
            "inputs": [{"step": "slicing", "kind": "sample"}],
            "batch": True,
        },
    ]
    await user.post("/runs", {"item": song, "pipeline": {"name": "hits", "steps": steps}})
    names = [tags.file.removesuffix(".flac") for tags in samples]
    cut = {
        f"{name}.flac": WorkerFile(
            ArtifactKind.SAMPLE, item=ItemKind.SAMPLE, title=name, data=(data or {}).get(name)
        )
        for name in names
    }
    await catalogue.finish(await catalogue.claim(TaskName.SLICING), SLICING, cut)
    tagged = Tags(samples=tuple(samples))
    await catalogue.finish(await catalogue.claim(TaskName.TAGGING), RESULT, files(tagged))
    await read_all(catalogue)
    page = await user.get("/items", parent=song, limit=200)
    return {item["name"]: item["id"] for item in page["items"]}
