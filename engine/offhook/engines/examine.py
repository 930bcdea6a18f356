"""What is wrong with an agent on this machine: its words, its tools, its documents, its engines.

What ``offhook agents check`` and the pages of ``offhook web`` say of a file.
"""

from __future__ import annotations

import asyncio

from offhook.agents.check import Finding, Severity, check
from offhook.agents.loader import Agent
from offhook.config import Config, spoken_languages
from offhook.documents.chunks import chunks
from offhook.documents.reading import files_in, read_file
from offhook.engines.llm.embedded import NAME as EMBEDDED_NAME
from offhook.engines.llm.room import call_tokens
from offhook.engines.named import faults, settings
from offhook.engines.registry import find
from offhook.errors import ConfigError, DocumentError
from offhook.languages import is_known
from offhook.languages.codes import base_language
from offhook.tools.registry import make_tools


def examine(agent: Agent, config: Config) -> list[Finding]:
    """Everything that can be said about ``agent`` without asking a server.

    Blocks while its documents are read; not on a thread with an event loop.
    """
    return [
        *_check_documents(agent),
        *check(agent, _call_tokens(agent, config)),
        *check_language(agent, config),
        *_check_tools(agent, config),
        *(Finding(Severity.ERROR, key, what) for key, what in faults(config, agent).items()),
    ]


def check_language(agent: Agent, config: Config) -> list[Finding]:
    """Whether callers are heard in the agent's language, and what offhook lacks of it."""
    found = []
    spoken = base_language(agent.language)
    stt = config.stt if "recogniser" in faults(config, agent) else settings(config, "stt", agent.recogniser)
    heard = [base_language(one) for one in spoken_languages(stt)]
    if spoken not in heard:
        what = (
            f"{agent.language}, but the recogniser listens for {', '.join(heard)} alone: offhook models pull"
            f' whisper-base, then [stt] model = "whisper-base" and language = "{spoken}"'
        )
        found.append(Finding(Severity.WARNING, "language", what))
    if not is_known(agent.language):
        what = (
            f"{agent.language}: offhook has no words of it. Silence alone ends a turn, prices and times"
            " are read out as they stand, days, numbers and a yes in a form are not understood, and a"
            " farewell has to be a clear one"
        )
        found.append(Finding(Severity.HINT, "language", what))
    return found


def _check_tools(agent: Agent, config: Config) -> list[Finding]:
    """Each table is made into its tool, without asking anybody."""
    made = make_tools(agent, config=config.tools)
    found = [Finding(Severity.ERROR, f"tools.{name}", what) for name, what in made.problems.items()]
    for name, tool in made.tools.items():
        spec = tool.spec
        if not spec.when and "during" in spec.phases:
            what = 'no sentences of callers: add when = ["I\'d like to ..."], so that it is found'
            found.append(Finding(Severity.HINT, f"tools.{name}", what))
        foreign = name in agent.tools and agent.tools[name].source != "builtin"
        if foreign and spec.effect == "reads" and "during" in spec.phases and not spec.phrases.done:
            what = 'callers hear its answer as it comes: add say = { done = "... {result} ..." }'
            found.append(Finding(Severity.HINT, f"tools.{name}", what))
        for parameter in spec.required:
            schema = spec.properties[parameter]
            if not schema.get("x-ask") and spec.confirmed:
                what = "has no question of its own: add ask"
                found.append(Finding(Severity.HINT, f"tools.{name}.parameters.{parameter}", what))
    asyncio.run(made.close())
    return found


def _check_documents(agent: Agent) -> list[Finding]:
    """Those that the file names: each is read."""
    found = []
    for number, named in enumerate(agent.knowledge):
        try:
            paths = files_in(named)
        except ConfigError as error:
            found.append(Finding(Severity.ERROR, f"knowledge.{number}", str(error)))
            continue
        for path in paths:
            try:
                document, _ = read_file(path)
            except (DocumentError, ConfigError) as error:
                found.append(Finding(Severity.ERROR, f"knowledge.{number}", str(error)))
                continue
            if not chunks(document, agent.language):
                what = f"{path}: holds nothing that could be said"
                found.append(Finding(Severity.WARNING, f"knowledge.{number}", what))
    return found


def _call_tokens(agent: Agent, config: Config) -> int | None:
    """The context that the agent's prompt goes into; None where its answers are made without one."""
    wanted = agent.policy or config.conversation.policy
    llm = config.llm if "model" in faults(config, agent) else settings(config, "llm", agent.model)
    if wanted == "grounded" or (wanted == "auto" and llm.model == EMBEDDED_NAME):
        return None
    return call_tokens(llm, config.daemon.max_calls, remote=find("llm", llm.engine).remote)
