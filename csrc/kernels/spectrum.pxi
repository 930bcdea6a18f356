# Windows of 32 ms every 10 ms at 8 kHz as spectra, and what they are made from.

cdef enum:
    RATE = 8_000
    MS = 8
    WINDOW = 256
    HOP = 80
    POINTS = 512  # twice the window, so that the autocorrelation does not wrap
    BINS = 257
    BANDS = 7
    LANES = 8  # transforms at once: two vectors of four
    FIRST_LAG = 20  # 400 Hz
    LAGS = 100  # down to 67 Hz
    HALVING = 31  # taps
    HALVING_LATE = 15

WINDOW_SAMPLES = WINDOW
HOP_SAMPLES = HOP
BAND_EDGES_HZ = (150, 350, 550, 1_000, 1_400, 1_900, 2_500, 3_400)
LONG_LAG_WEIGHT = 0.25  # taken off the longest period, so that one period wins over two

cdef float[WINDOW] _taper
cdef float[HALVING] _halving
cdef float[LAGS] _lag_gain
cdef Py_ssize_t[BANDS + 1] _edges
cdef _Transform _points = _transform(POINTS)


def _make_tables():
    taper = np.hanning(WINDOW + 1)[:WINDOW]
    own = np.fft.irfft(np.abs(np.fft.rfft(taper, POINTS)) ** 2, POINTS)[FIRST_LAG : FIRST_LAG + LAGS]
    # Undoes the taper's own autocorrelation, and favours short periods.
    lag_gain = (taper**2).sum() / own * (1 - LONG_LAG_WEIGHT * np.arange(LAGS) / (LAGS - 1))
    halving = np.sinc(np.arange(-HALVING_LATE, HALVING_LATE + 1) / 2)  # a low-pass for 16 to 8 kHz
    halving *= np.hanning(HALVING + 2)[1 : HALVING + 1]
    halving /= halving.sum()
    cdef Py_ssize_t at
    for at in range(WINDOW):
        _taper[at] = taper[at]
    for at in range(LAGS):
        _lag_gain[at] = lag_gain[at]
    for at in range(HALVING):
        _halving[at] = halving[at]
    for at in range(BANDS + 1):
        _edges[at] = -(-BAND_EDGES_HZ[at] * POINTS // RATE)  # the first bin that is not below it


_make_tables()


cdef void _floats(const int16_t* samples, Py_ssize_t count, float* out) noexcept nogil:
    cdef Py_ssize_t at
    for at in range(count):
        out[at] = samples[at]


cdef void _halved(const int16_t* samples, Py_ssize_t count, Py_ssize_t last, float* out) noexcept nogil:
    """The last ``last`` samples of ``count`` at 16 kHz as (last + 1) // 2 at 8 kHz.

    The very last one stays the last: both sides of a line have to end at the same moment.
    """
    cdef Py_ssize_t kept = (last + 1) // 2, number, first, tap
    cdef float total
    for number in range(kept):
        first = count - 1 - 2 * (kept - 1 - number) - HALVING_LATE
        total = 0
        for tap in range(max(0, -first), min(HALVING, count - first)):
            total += _halving[tap] * samples[first + tap]
        out[number] = total


cdef void _spectra(const float* signal, Py_ssize_t length, Py_ssize_t first, Py_ssize_t count,
                   Py_ssize_t rows, float* re, float* im, float* work) noexcept nogil:
    """``[BINS, rows]`` of windows that begin at ``first`` and each HOP later; zeros outside of ``signal``.

    Two windows go through one transform, as its real and imaginary part.  ``work`` has 4 * POINTS * LANES.
    """
    cdef float* xr = work
    cdef float* xi = work + POINTS * LANES
    cdef Py_ssize_t batch, base, lane, at, to, mirror, bin_, low, high, plane
    cdef float* x
    cdef float ar, ai, br, bi
    for batch in range(rows // (2 * LANES)):
        base = batch * 2 * LANES
        memset(work, 0, 2 * POINTS * LANES * sizeof(float))
        for plane in range(2):
            x = xi if plane else xr
            for lane in range(LANES):
                if base + plane * LANES + lane >= count:
                    break
                to = first + (base + plane * LANES + lane) * HOP
                low = min(WINDOW, max(0, -to))
                high = max(low, min(WINDOW, length - to))
                for at in range(low, high):
                    x[at * LANES + lane] = signal[to + at] * _taper[at]
        _points.run(LANES, xr, xi, work + 2 * POINTS * LANES, work + 3 * POINTS * LANES)
        for bin_ in range(BINS):
            at = bin_ * LANES
            mirror = ((POINTS - bin_) % POINTS) * LANES
            to = bin_ * rows + base
            for lane in range(LANES):
                ar, ai = xr[at + lane], xi[at + lane]
                br, bi = xr[mirror + lane], xi[mirror + lane]
                re[to + lane] = <float>0.5 * (ar + br)
                im[to + lane] = <float>0.5 * (ai - bi)
                re[to + LANES + lane] = <float>0.5 * (ai + bi)
                im[to + LANES + lane] = <float>0.5 * (br - ar)


cdef Py_ssize_t _rows(Py_ssize_t count) noexcept nogil:
    """Windows with those that fill the last transform, which are silent."""
    return (count + 2 * LANES - 1) // (2 * LANES) * (2 * LANES)


def narrowed(const int16_t[::1] samples not None, Py_ssize_t rate_hz, Py_ssize_t last):
    """The last ``last`` (or fewer) of ``[samples]`` int16 at 8 or 16 kHz, as float32 at 8 kHz."""
    if rate_hz not in (RATE, 2 * RATE):
        raise ValueError(f"rate_hz is {rate_hz}; 8000 and 16000 are known")
    cdef Py_ssize_t count = samples.shape[0], taken = max(0, min(samples.shape[0], last))
    result = np.empty(taken if rate_hz == RATE else (taken + 1) // 2, np.float32)
    cdef float[::1] out = result
    if taken:
        with nogil:
            if rate_hz == RATE:
                _floats(&samples[count - taken], taken, &out[0])
            else:
                _halved(&samples[0], count, taken, &out[0])
    return result


def spectra(const float[::1] signal not None, Py_ssize_t count):
    """Real and imaginary parts ``[2, bins, count]`` of the last ``count`` windows; before, all is silent."""
    if count < 1:
        raise ValueError("count is the number of windows, at least 1")
    cdef Py_ssize_t rows = _rows(count), length = signal.shape[0]
    cdef float[:, :, ::1] out = np.empty((2, BINS, rows), np.float32)
    cdef float[::1] work = np.empty(4 * POINTS * LANES, np.float32)
    cdef const float* samples = &signal[0] if length else NULL
    with nogil:
        _spectra(samples, length, length - WINDOW - (count - 1) * HOP, count, rows, &out[0, 0, 0],
                 &out[1, 0, 0], &work[0])
    return np.asarray(out)[:, :, :count]
