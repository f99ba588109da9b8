"""The part of a worker that runs one job at a time."""

from pathlib import Path

from kit.service import WorkerService
from kit.worker.compute import Child, EngineSetup, LoadFailed


class Slot:
    """A child process with a loaded engine, and a scratch folder, for one job at a time."""

    def __init__(self, service: WorkerService, folder: Path) -> None:
        self._service = service
        self.folder = folder
        self.setup: EngineSetup | None = None
        self.child: Child | None = None
        self.problem = ""
        """Why the engine could not be loaded; empty if the last load succeeded."""

    @property
    def is_warm(self) -> bool:
        """Whether the child runs and its engine is loaded with `setup`."""
        return self._loaded(self.setup) is not None

    @property
    def engine(self) -> str:
        """The loaded engine's name; empty without a child."""
        return self.child.engine if self.child else ""

    async def warm(self, setup: EngineSetup | None = None) -> Child:
        """Return a child whose engine is loaded with `setup`, by default the slot's own.

        A child with another setup is replaced: an engine cannot be loaded differently in place.

        Raises
        ------
        LoadFailed
            The engine could not be loaded.
        """
        setup = setup or self.setup
        if setup is None:
            raise LoadFailed("the slot was not set up")
        if (child := self._loaded(setup)) is not None:
            return child
        await self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        # Assigned before it starts, so that `close` kills it even if the start is cancelled.
        self.child = Child(self._service, setup, scratch=self.folder)
        await self.child.start()
        return self.child

    def _loaded(self, setup: EngineSetup | None) -> Child | None:
        """Return the child if it is alive and its engine is loaded with `setup`."""
        child = self.child
        return child if child is not None and child.alive and child.setup == setup else None

    async def close(self) -> None:
        """Kill the child, if there is one."""
        if self.child is not None:
            child, self.child = self.child, None
            await child.kill()
