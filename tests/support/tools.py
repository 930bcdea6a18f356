"""Tools for tests: what they are asked for is written down, what they answer is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from offhook.tools.base import BaseTool, Context, Effect, Option, Phrases, Refusal, ToolResult, ToolSpec

NO_PHRASES = Phrases()


def schema(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object whose values all have to be given."""
    return {"type": "object", "properties": properties, "required": list(properties)}


class ScriptedTool(BaseTool):
    """Gives the next of ``answers`` for each run: a result, or an error to raise; the last one for ever."""

    def __init__(
        self,
        name: str = "book",
        parameters: Mapping[str, Any] | None = None,
        *,
        effect: Effect = "writes",
        answers: Sequence[ToolResult | Exception] = (ToolResult("done"),),
        timeout_s: float = 3.0,
        when: tuple[str, ...] = (),
        confirm: bool | None = None,
        phrases: Phrases = NO_PHRASES,
        heeds_key: bool = False,
        description: str = "",
    ) -> None:
        super().__init__(
            ToolSpec(
                name,
                description or name,
                parameters if parameters is not None else schema(day={"type": "string"}),
                effect=effect,
                timeout_s=timeout_s,
                when=when,
                confirm=confirm,
                phrases=phrases,
                heeds_key=heeds_key,
            )
        )
        self.runs: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.hold: asyncio.Event | None = None
        """Runs wait for it."""
        self.began = asyncio.Event()
        self.free: Mapping[str, Sequence[Option]] = {}
        self.refuses: dict[str, Refusal] = {}
        """By the value that is refused."""
        self._answers = list(answers)

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        self.runs.append(dict(arguments))
        self.keys.append(context.key)
        self.began.set()
        if self.hold is not None:
            await self.hold.wait()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def options(
        self, parameter: str, arguments: Mapping[str, Any], context: Context
    ) -> Sequence[Option] | None:
        return self.free.get(parameter)

    async def check(self, arguments: Mapping[str, Any], context: Context) -> Refusal | None:
        found = (self.refuses.get(str(value)) for value in arguments.values())
        return next((each for each in found if each is not None), None)
