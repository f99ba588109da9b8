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
        if self.child is not None and self.child.alive and self.child.setup == wanted:
            return self.child
        await self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        child = Child(self._service, wanted, scratch=self.folder)
        await child.start()
        self.child = child
        return child

    async def close(self) -> None:
        """End the child."""
        if self.child is not None:
            child, self.child = self.child, None
            await child.kill()
