"""Ten businesses with questions, and ``python -m bench.suites``, which asks them in writing."""
