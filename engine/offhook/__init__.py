"""offhook: a low-latency voice-agent engine for Asterisk."""

import os

__version__ = "0.1.0"

# NumPy's matrix library keeps a thread for every core, which go on spinning for a while after each product: a
# third of all the processor time of a call, for products that one thread does in microseconds.  Read when
# NumPy is loaded, so: now.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Newer releases of ONNX Runtime tell its makers what is loaded and how it runs, over the network and with a
# number for this machine that is kept in the home folder (their Privacy.md).  Nothing leaves the premises
# unless somebody wants it to.  Read when the library is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
