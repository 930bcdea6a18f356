# Our own voice in what is heard: where it lies, and what is left without it.

cdef enum:
    EARLIEST = -20 * MS  # the inaccuracy of the clocks
    LATEST = 420 * MS
    NEAR = 30 * MS  # around a delay that is known
    FOUND = LATEST - EARLIEST + 1

ECHO_LAGS_MS = (<int>EARLIEST // <int>MS, <int>LATEST // <int>MS)

cdef float ECHO_PEAK = 8.0
# Cross-correlation peak over its mean square root: unrelated speech has 3 to 9, echo at -30 dB 9 to 37.
cdef float KNOWN_ECHO_PEAK = 6.0
# The same where the delay is known from before.
cdef float TAIL_DECAY = 0.72
# Of a room's tail, per hop: 60 dB in 420 ms, so that the allowance is rather too long.
cdef float AUDIBLE = 50
# Largest sample below which nothing is being played.
cdef float FLOOR_POWER = 1e4
# Of a band in a window; about -85 dBFS, below any telephone line.
LEAST_BAND_POWER = FLOOR_POWER


cdef void _correlation(_Transform whole, _Transform half, const float* caller, Py_ssize_t heard,
                       const float* ours, Py_ssize_t sent, float* work, float* out) noexcept nogil:
    """Size of the cross-correlation ``[FOUND]``, mostly whitened, or a voice's own period would blur it.

    ``work`` has four times the transform's size.
    """
    cdef Py_ssize_t size = whole.size, middle = size // 2, at, mirror, low, high
    cdef float* xr = work
    cdef float* xi = work + size
    cdef float* cr = work + 2 * size
    cdef float* ci = work + 3 * size
    cdef float ar, ai, br, bi, largest = 0, weight, er, ei, tr, ti, c, d, scale = <float>1 / size
    memset(work, 0, 2 * size * sizeof(float))
    # Time runs backwards in both, because it is their ends that belong together.
    for at in range(sent):
        xr[at] = ours[sent - 1 - at]
    for at in range(heard):
        xi[at] = caller[heard - 1 - at]
    whole.run(1, xr, xi, cr, ci)
    for at in range(middle + 1):
        mirror = size - at if at else 0
        ar, ai = xr[at] + xr[mirror], xi[at] - xi[mirror]  # ours, twice
        br, bi = xi[at] + xi[mirror], xr[mirror] - xr[at]  # the caller's, twice
        cr[at] = <float>0.25 * (ar * br + ai * bi)
        ci[at] = <float>0.25 * (ai * br - ar * bi)
        largest = max(largest, cr[at] * cr[at] + ci[at] * ci[at])
    largest = 1e-3 * sqrtf(largest) + 1
    low, high = 250 * size // RATE, 3_400 * size // RATE
    for at in range(middle + 1):
        if low <= at < high:
            weight = powf(sqrtf(cr[at] * cr[at] + ci[at] * ci[at]) + largest, -0.7)
            cr[at] *= weight
            ci[at] *= weight
        else:
            cr[at] = 0
            ci[at] = 0
    # A real result of twice the size: its even samples are one part, its odd ones the other.
    for at in range(middle):
        mirror = middle - at
        er, ei = cr[at] + cr[mirror], ci[at] - ci[mirror]
        tr, ti = cr[at] - cr[mirror], ci[at] + ci[mirror]
        c, d = whole.cosines[at], -whole.sines[at]
        xr[at] = er - (tr * d + ti * c)
        xi[at] = ei + (tr * c - ti * d)
    half.run(1, xi, xr, cr, ci)
    for at in range(FOUND):
        mirror = at + EARLIEST if at >= -EARLIEST else at + EARLIEST + size
        weight = xi[mirror >> 1] if mirror & 1 else xr[mirror >> 1]
        out[at] = fabsf(weight) * scale


cdef Py_ssize_t _peak(const float* correlation, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t best = first, at
    for at in range(first + 1, last):
        if correlation[at] > correlation[best]:
            best = at
    return best


cdef bint _delay(const float* correlation, float known_ms, Py_ssize_t* delay) noexcept nogil:
    """Whether an echo stands out, and how many samples after we played it it is heard."""
    cdef double square = 0
    cdef float level, needed = ECHO_PEAK
    cdef Py_ssize_t best = _peak(correlation, 0, FOUND), low, high, around, at
    for at in range(FOUND):
        square += correlation[at] * correlation[at]
    level = <float>sqrtf(<float>(square / FOUND))
    if isfinite(known_ms) and fabsf(known_ms) < 10_000:
        at = <Py_ssize_t>rintf(known_ms * <float>MS) - EARLIEST
        low, high = max(0, at - NEAR), min(FOUND, at + NEAR)
        if low < high:
            around = _peak(correlation, low, high)
            if around == best or correlation[best] < ECHO_PEAK * level:
                best, needed = around, KNOWN_ECHO_PEAK
    delay[0] = best + EARLIEST
    return correlation[best] > needed * level > 0


cdef bint _is_audible(const float* signal, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t at
    for at in range(count):
        if fabsf(signal[at]) >= AUDIBLE:
            return True
    return False


cdef void _left(const float* hr, const float* hi, const float* sr, const float* si, Py_ssize_t count,
                Py_ssize_t rows, float* strength, float* left, float* explained) noexcept nogil:
    """Power ``left [BINS, rows]`` that the echo does not explain, and in bands what it does.

    The path is one complex gain for each bin (a Wiener filter), ``strength [BINS]`` is scratch.
    """
    cdef Py_ssize_t bin_, at, band = 0, to
    cdef float most = 0, total, pr, pi, ar, ai, gain
    memset(explained, 0, BANDS * rows * sizeof(float))
    for bin_ in range(BINS):
        total = 0
        to = bin_ * rows
        for at in range(count):
            total += sr[to + at] * sr[to + at] + si[to + at] * si[to + at]
        strength[bin_] = total
        most = max(most, total)
    for bin_ in range(BINS):
        to = bin_ * rows
        pr = 0
        pi = 0
        for at in range(count):
            pr += hr[to + at] * sr[to + at] + hi[to + at] * si[to + at]
            pi += hi[to + at] * sr[to + at] - hr[to + at] * si[to + at]
        total = strength[bin_] + <float>1e-2 * most + 1
        pr = pr / total
        pi = pi / total
        for at in range(rows):
            ar = hr[to + at] - (pr * sr[to + at] - pi * si[to + at])
            ai = hi[to + at] - (pr * si[to + at] + pi * sr[to + at])
            left[to + at] = ar * ar + ai * ai
        while band < BANDS and bin_ >= _edges[band + 1]:
            band += 1
        if band < BANDS and bin_ >= _edges[band]:
            gain = pr * pr + pi * pi
            for at in range(rows):
                ar, ai = sr[to + at], si[to + at]
                explained[band * rows + at] += gain * (ar * ar + ai * ai)


cdef void _tail(const float* left, float* explained, Py_ssize_t count, Py_ssize_t rows,
                float* work) noexcept nogil:
    """Of one band: what of ``left [rows]`` may be a room's tail, in place of ``explained``.

    The tail is as loud as the loudest of the earlier echo, each decayed by its age.  In most windows nobody
    but us speaks, or there would be no echo to see: a low quantile of the ratio is the tail alone.
    """
    cdef Py_ssize_t at, known = 0, nth
    cdef float lasting = 0, ratio = 0
    for at in range(count):
        lasting = max(explained[at] + 1, lasting * TAIL_DECAY)
        explained[at] = lasting
        if lasting >= FLOOR_POWER:
            work[known] = left[at] / lasting
            known += 1
    if known > 5:
        nth = <Py_ssize_t>(0.4 * (known - 1))
        nth_element(work, work + nth, work + known)
        ratio = min(<float>2.0, work[nth])
    for at in range(count):
        explained[at] *= ratio


def echo_delay(const float[::1] caller not None, const float[::1] ours not None, float known_ms):
    """How many samples after we played it the echo is heard; None when there is none.

    Both are ``[samples]`` at 8 kHz and end together.  ``known_ms`` is where it was before, or not finite.
    """
    cdef Py_ssize_t heard = caller.shape[0], sent = ours.shape[0], delay = 0
    if not heard or not sent or not _is_audible(&ours[0], sent):
        return None
    cdef _Transform whole = _transform(_smooth_size(max(heard, sent) + LATEST - EARLIEST))
    cdef _Transform half = _transform(whole.size // 2)
    cdef float[::1] work = np.empty(4 * whole.size + FOUND, np.float32)
    cdef float* correlation = &work[4 * whole.size]
    cdef bint found
    with nogil:
        _correlation(whole, half, &caller[0], heard, &ours[0], sent, &work[0], correlation)
        found = _delay(correlation, known_ms, &delay)
    return delay if found else None


def without_echo(const float[:, :, ::1] heard not None, const float[:, :, ::1] ours not None):
    """Power that the echo does not explain ``[bins, windows]``; what its tail may have ``[bands, windows]``.

    Both are what :func:`spectra` returns, copied into one piece, and of one shape.
    """
    cdef Py_ssize_t rows = heard.shape[2], band, bin_, at
    if not rows or np.shape(heard) != (2, BINS, rows) or np.shape(ours) != (2, BINS, rows):
        raise ValueError("both are spectra [2, 257, windows] of the same windows")
    cdef float[:, ::1] left = np.empty((BINS, rows), np.float32)
    cdef float[:, ::1] tail = np.empty((BANDS, rows), np.float32)
    cdef float[::1] work = np.empty(BINS + 2 * rows, np.float32)
    with nogil:
        _left(&heard[0, 0, 0], &heard[1, 0, 0], &ours[0, 0, 0], &ours[1, 0, 0], rows, rows, &work[0],
              &left[0, 0], &tail[0, 0])
        for band in range(BANDS):
            for at in range(rows):
                work[BINS + at] = 0
            for bin_ in range(_edges[band], _edges[band + 1]):
                for at in range(rows):
                    work[BINS + at] += left[bin_, at]
            _tail(&work[BINS], &tail[band, 0], rows, rows, &work[BINS + rows])
    return np.asarray(left), np.asarray(tail)
