"""Where a worker runs one job at a time."""

from pathlib import Path

from kit.service import WorkerService
from kit.worker.compute import Child, EngineSetup, LoadFailed


class Slot:
    """Room for one job at a time: a warm child process and a scratch folder."""

    def __init__(self, service: WorkerService, folder: Path) -> None:
        self._service = service
        self.folder = folder
        self.setup: EngineSetup | None = None
        self.child: Child | None = None
        self.problem = ""
        """Why its engine could not be loaded the last time; empty when it could."""

    @property
    def is_warm(self) -> bool:
        """Whether the engine is loaded in the slot's own way."""
        return self._loaded(self.setup) is not None

    @property
    def engine(self) -> str:
        """What the warm engine calls itself."""
        return self.child.engine if self.child else ""

    async def warm(self, setup: EngineSetup | None = None) -> Child:
        """Return a child whose engine is loaded as asked, by default in the slot's own way.

        Raises
        ------
        LoadFailed
        """
        wanted = setup or self.setup
        if wanted is None:
            raise LoadFailed("the slot was not set up")
        if (child := self._loaded(wanted)) is not None:
            return child
        await self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        # Known before it is started, so that a start which is cancelled leaves no process behind.
        self.child = Child(self._service, wanted, scratch=self.folder)
        await self.child.start()
        return self.child

    def _loaded(self, setup: EngineSetup | None) -> Child | None:
        """Return the child if it lives and its engine is loaded as asked."""
        child = self.child
        return child if child is not None and child.alive and child.setup == setup else None

    async def close(self) -> None:
        """End the child."""
        if self.child is not None:
            child, self.child = self.child, None
            await child.kill()
