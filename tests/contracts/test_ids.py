"""Ids that the server makes."""

from uuid import RFC_4122, UUID

from kit.clock import new_id


def test_ids_are_in_the_order_of_making() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(set(ids))


def test_ids_are_of_version_seven() -> None:
    uuid = UUID(new_id())
    assert (uuid.version, uuid.variant) == (7, RFC_4122)
