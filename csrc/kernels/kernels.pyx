# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, auto_pickle=False, autotestdict=False
"""The numbers of the barge-in judge and of the levels.  Only offhook.kernels imports it.

Each function looks at what it was given, lets go of the GIL once, works, and returns; none keeps anything but
tables that never change.  So a judgement costs the event loop next to nothing wherever it runs, and any
number of threads may be in here at once.  What each computes, tests/support/numpy_kernels.py says in NumPy.

Spectra lie bin by bin, one bin's windows in a row: sums over time and over bins are then both loops over
neighbouring numbers.  Bounds are not checked: every index follows from lengths that are checked on entry.
"""

from libc.math cimport INFINITY, fabsf, isfinite, log, powf, rintf, sqrtf
from libc.stdint cimport int16_t
from libc.string cimport memcpy, memset

import numpy as np

cdef extern from "<algorithm>" namespace "std" nogil:
    void nth_element(float* first, float* nth, float* last)

include "transform.pxi"
include "spectrum.pxi"
include "echo.pxi"
include "windows.pxi"
include "cancel.pxi"
include "levels.pxi"
