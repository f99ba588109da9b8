"""A user's samples in two clusters: round sounds and sharp ones."""

import numpy as np

from contracts.tagging import SampleTags, SoundVector
from tests.library.catalogue import Catalogue, User
from tests.library.similarity.crate import add_samples, sample, vector

DIMENSION = 8
ROUND, SHARP = 0, 1


def place(cluster: int, number: int) -> SoundVector:
    """Return a vector near an axis; another number is another place near it."""
    chance = np.random.default_rng(cluster * 1000 + number)
    components = chance.normal(0, 0.06, DIMENSION)
    components[cluster] += 1.0
    return vector(components.tolist())


def sounds(cluster: int, count: int, *, first: int = 0) -> list[SampleTags]:
    word = ("round", "sharp")[cluster]
    numbers = range(first, first + count)
    return [sample(f"{word}-{number:02}", place(cluster, number)) for number in numbers]


async def two_clusters(user: User, catalogue: Catalogue, *, count: int = 12) -> dict[str, str]:
    """Add as many round sounds, and three times as many sharp ones; return ids by name."""
    return await add_samples(user, catalogue, [*sounds(ROUND, count), *sounds(SHARP, 3 * count)])
