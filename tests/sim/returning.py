"""Stories whose users also say ``spec.rollback``: numbers that the history has, had, or never had."""

from __future__ import annotations

from typing import ClassVar

from tests.sim.story import Story

NUMBERS = (None, 1, 1, 2, 2, 3, 4, 5, 9)  # None: no rollback any more


class Returning(Story):
    """A quarter of what happens is a rollback. In the end there is none, so that the end is that of any other story."""

    option: ClassVar[str] = " --rollbacks"

    def _something(self) -> None:
        if self.chance.random() < 0.25:
            self._ask_for(self.chance.choice(NUMBERS))
        else:
            super()._something()

    def _ask_for(self, number: int | None) -> None:
        if number is None:
            self.tell("the user removes the rollback")
            self.world.edit(lambda spec: spec.pop("rollback", None))
        else:
            self.tell(f"the user rolls back to revision {number}")
            self.world.edit(lambda spec: spec.update(rollback={"toRevision": number}))

    def _end(self) -> None:
        if "rollback" in self.world.resource()["spec"]:
            self._ask_for(None)
        super()._end()
