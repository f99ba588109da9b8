"""Open an object store by its address."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from kit.objects.base import ObjectStore
from kit.settings import KitSettings


def open_objects(settings: KitSettings) -> ObjectStore:
    """Return the store at `KIT_OBJECTS_URL`, not yet connected.

    Raises
    ------
    ValueError
        The scheme of the address is unknown, or a folder store lacks its signing secret.
    """
    url = settings.objects_url.get_secret_value()
    address = urlsplit(url)
    if address.scheme == "file":
        from kit.objects.files import FileStore
        from kit.objects.signing import Signer

        if address.netloc or not address.path.startswith("/"):
            raise ValueError("KIT_OBJECTS_URL must name a folder as file:///absolute/path")
        secret = settings.objects_signing_secret.get_secret_value()
        if not secret:
            raise ValueError("a file:// store needs KIT_OBJECTS_SIGNING_SECRET")
        return FileStore(
            Path(unquote(address.path)),
            signer=Signer(secret),
            reserve=settings.objects_reserve_mib << 20,
        )
    if address.scheme in ("s3+http", "s3+https"):
        from kit.objects.minio import MinioStore, S3Address

        return MinioStore(S3Address.parse(url), public_url=settings.objects_public_url)
    # The message must not repeat the address: it may contain a password.
    raise ValueError(
        "KIT_OBJECTS_URL must be file:///folder or s3+https://KEY:SECRET@host[:port]?region=…"
    )
