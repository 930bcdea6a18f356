"""Names files of source that are longer than they may be without saying why (CONTRIBUTING.md).

    python .ci/long_files.py

One with more than 400 lines says "Above 400 lines because ..." in its first comment.  Exit status 1 when one
does not, and when one says so that is short again.
"""

import subprocess
import sys
from pathlib import Path

MOST_LINES = 400
SAYS_WHY = f"Above {MOST_LINES} lines because "
HEAD_LINES = 15
"""The first comment stands within so many."""
SOURCES = (".c", ".cpp", ".css", ".h", ".html", ".js", ".pxi", ".py", ".pyi", ".pyx", ".sh")


def problem(lines: list[str]) -> str | None:
    """What is wrong with a file of these lines, if anything is."""
    explained = any(line.lstrip("/#*; ").startswith(SAYS_WHY) for line in lines[:HEAD_LINES])
    if len(lines) > MOST_LINES and not explained:
        return f'{len(lines)} lines: make it two, or say "{SAYS_WHY}..." in its first comment'
    if len(lines) <= MOST_LINES and explained:
        return f"says why it is above {MOST_LINES} lines, and has {len(lines)}"
    return None


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True)
    found = 0
    for name in listed.stdout.splitlines():
        path = root / name
        if (path.suffix in SOURCES or (path.parent.name == ".ci" and not path.suffix)) and path.is_file():
            wrong = problem(path.read_text(encoding="utf-8").splitlines())
            if wrong is not None:
                print(f"{name}: {wrong}")
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
