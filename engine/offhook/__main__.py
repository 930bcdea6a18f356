"""``python -m offhook``: the ``offhook`` command, of the interpreter that is at hand."""

import sys

from offhook.cli.main import main

sys.exit(main())
