"""`python -m deploy.rights FOLDER`: make a user with its policy for each service on MinIO.

`KIT_OBJECTS_URL` is the store with an administrator's keys. The program creates the buckets, the
policies and the users `cratedig-<service>`, and writes `FOLDER/cratedig-<service>.env` with the
`KIT_OBJECTS_URL` of each service, for the secret of this name. Run again, it gives every user a new
secret key. Policies for other stores are in `deploy/rights/policies`.
"""

import argparse
import asyncio
import secrets
import sys
from pathlib import Path

from minio.credentials import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

from deploy.rights.policies import policies
from kit.objects.base import ObjectError
from kit.objects.minio import MinioStore, S3Address
from kit.process import StartRefused
from kit.settings import KitSettings, read

_KEY_BYTES = 30
_APPLIED = "XMinioAdminPolicyChangeAlreadyApplied"


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.rights", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the settings of the services are written")
    folder = parser.parse_args().folder
    try:
        address = S3Address.parse(read(KitSettings).objects_url.get_secret_value())
        asyncio.run(_create_buckets(address))
        give_rights(address, folder)
    except (ValueError, StartRefused, ObjectError, MinioAdminException, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def give_rights(address: S3Address, folder: Path) -> dict[str, S3Address]:
    """Create policies and users; return the address of the store for each service.

    Parameters
    ----------
    address
        The store with an administrator's keys.
    folder
        Where the settings of each service are written; created if it does not exist.

    Raises
    ------
    MinioAdminException
        The store refuses.
    OSError
        A file cannot be written.
    """
    admin = MinioAdmin(
        endpoint=address.endpoint,
        credentials=StaticProvider(address.access_key, address.secret_key),
        region=address.region,
        secure=address.secure,
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    addresses = {}
    for service, policy in policies().items():
        user, key = f"cratedig-{service}", secrets.token_urlsafe(_KEY_BYTES)
        admin.policy_add(user, policy=policy)
        admin.user_add(user, key)
        try:
            admin.attach_policy([user], user=user)
        except MinioAdminException as error:
            if _APPLIED not in str(error):
                raise
        addresses[service] = S3Address(address.endpoint, address.secure, user, key, address.region)
        path = folder / f"{user}.env"
        path.touch(mode=0o600)
        path.write_text(f"KIT_OBJECTS_URL={addresses[service].url()}\n", encoding="utf-8")
        print(path)
    return addresses


async def _create_buckets(address: S3Address) -> None:
    store = MinioStore(address)
    try:
        await store.ensure()
    finally:
        await store.close()


if __name__ == "__main__":
    sys.exit(main())
