"""Run an image as compose.yaml does: a read-only root, no rights, one user, and given volumes.

A container is a mount namespace and a changed root here, so a process has this machine's network
and its process keeps the number that its caller knows.
"""

from collections.abc import Mapping
from pathlib import Path

from deploy.images.store import ImageConfig, require

SCRIPT = """
set -eu
root=$1 user=$2 folder=$3 mounts=$4 setpriv=$5 chroot=$6
shift 6
mount --bind "$root" "$root"
for name in proc dev; do mount --rbind "/$name" "$root/$name"; done
while [ "$mounts" -gt 0 ]; do
  mount --bind "$1" "$root$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
  mounts=$((mounts - 1))
  shift 3
done
mount -o remount,bind,ro "$root"
exec "$setpriv" --no-new-privs "$chroot" --userspec="$user:$user" --groups= "$root" \\
  /bin/sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
"""
"""Mounts are gone with the namespace. Every program replaces its caller, so signals reach the
service."""


def confined_command(
    root: Path,
    config: ImageConfig,
    *,
    volumes: Mapping[str, Path],
    read_only_volumes: Mapping[str, Path] | None = None,
    command: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Return the command that runs an image; it needs root's rights and gives them up.

    Parameters
    ----------
    root
        The root folder of a container of the image, which stays as it is.
    volumes
        Folders of this machine by the paths at which the image sees them.
    command
        Run instead of the image's own.
    """
    mounts = [(path, str(volumes[path]), "rw") for path in volumes]
    mounts += [(path, str(folder), "ro") for path, folder in (read_only_volumes or {}).items()]
    return (
        *(require("unshare"), "--mount", "--propagation", "private"),
        *("/bin/sh", "-c", SCRIPT, "sh", str(root), config.user, config.working_folder),
        *(str(len(mounts)), require("setpriv"), require("chroot")),
        *(part for path, folder, mode in mounts for part in (folder, path, mode)),
        *(command or config.command),
    )


def confined_environment(config: ImageConfig, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a run: the image's, the user's home, and the settings."""
    return {"HOME": "/home/cratedig", **config.environment, **settings}
