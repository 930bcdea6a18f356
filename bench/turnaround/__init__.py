"""The measuring instrument: turnaround, premature answers, barge-in and the rest, at the caller's ear.

``python -m bench.turnaround --help`` says how to run it, ``README.md`` beside this file what it measures.
"""
