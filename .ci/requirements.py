"""Prints the requirements of pyproject.toml with the extras named as arguments, one per line."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
wanted = list(project["dependencies"])
for extra in sys.argv[1:]:
    wanted += project["optional-dependencies"][extra]
print("\n".join(requirement.replace(" ", "") for requirement in wanted))
