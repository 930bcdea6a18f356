"""Every engine by its name.  None is imported before it is loaded.

offhook's own stand in ``ENGINES`` of the packages ``stt``, ``llm`` and ``tts``.  An installed package brings
more by entry points of the group ``offhook.engines``, each of which is an
:class:`~offhook.engines.engine.Engine`.
"""

from __future__ import annotations

import difflib
import logging
from functools import cache
from importlib.metadata import entry_points

from offhook.engines import llm, stt, tts
from offhook.engines.engine import STAGES, Engine, Stage
from offhook.errors import ConfigError

_log = logging.getLogger("offhook.engines.registry")

GROUP = "offhook.engines"


def engines(stage: Stage) -> dict[str, Engine]:
    """Those of one stage, by name: ours first, and no stranger's takes the name of one of ours."""
    own = {each.name: each for package in (stt, llm, tts) for each in package.ENGINES if each.stage == stage}
    others = {each.name: each for each in _installed() if each.stage == stage}
    return others | own


def find(stage: Stage, name: str) -> Engine:
    """The engine of that name.  Raises ConfigError, with the nearest names."""
    known = engines(stage)
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=2)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are: {', '.join(known)}"
    raise ConfigError(f"{stage}.engine: no {STAGES[stage]} is called {name[:80]!r}; {hint}")


@cache
def _installed() -> tuple[Engine, ...]:
    found: dict[tuple[Stage, str], Engine] = {}
    for entry in entry_points(group=GROUP):
        try:
            engine = entry.load()
        except (Exception, SystemExit) as error:  # whatever a stranger's package does, the others are there
            _log.warning("the engine %s cannot be used: %s", entry.name, error)
            continue
        if not isinstance(engine, Engine):
            _log.warning("the engine %s is no offhook.engines.engine.Engine", entry.name)
        elif engine.stage not in STAGES:
            _log.warning(
                "the engine %s is for %r; there are: %s", entry.name, engine.stage, ", ".join(STAGES)
            )
        elif found.setdefault((engine.stage, engine.name), engine) is not engine:
            _log.warning(
                "the engine %s cannot be used: another package has a %s %s",
                *(entry.name, STAGES[engine.stage], engine.name),
            )
    return tuple(found.values())
