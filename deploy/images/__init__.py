"""Images of all services: build them, say what fills them, and check what they hold.

`python -m deploy.images` builds with docker, podman or buildah, whichever works on this machine.
Checks and test runs open the images with buildah, which needs no daemon.
"""
