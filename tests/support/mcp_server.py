"""A small MCP server over standard input and output, for tests: ``python mcp_server.py FILE``.

Each tool call is a line in FILE.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mcp.server import MCPServer

server = MCPServer("tests")


def note(what: str) -> None:
    with Path(sys.argv[1]).open("a") as file:
        file.write(f"{what}\n")


@server.tool()
def stock(item: str, count: int = 1) -> dict[str, int]:
    """How many of an item there are."""
    note(f"stock {item}")
    return {"left": 12 - count}


@server.tool()
def crash(item: str) -> str:
    """Dies."""
    note(f"crash {item}")
    os._exit(3)


@server.tool()
def hang(item: str) -> str:
    """Takes for ever."""
    note(f"hang {item}")
    time.sleep(3600)
    return item


@server.tool()
def fail(item: str) -> str:
    """Fails."""
    raise ValueError(f"no {item} here")


if __name__ == "__main__":
    server.run("stdio")
