# What the judge goes by, for each window since the onset: power in bands, noise, period.

cdef enum:
    FEATURES = 7  # heard, left, low, mid, high, periodic, octave
    LOW_END = 2  # below 550 Hz a hum has all it has
    MID_END = 3  # 550 to 1000 Hz; the others lie above

BAND_PARTS = ((0, LOW_END), (LOW_END, MID_END), (MID_END, BANDS))

cdef extern from "<cmath>" namespace "std" nogil:
    float log2(float value)


cdef float _median(float* values, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t middle = count // 2, at
    cdef float upper, lower
    nth_element(values, values + middle, values + count)
    upper = values[middle]
    if count % 2:
        return upper
    lower = values[0]
    for at in range(1, middle):
        lower = max(lower, values[at])
    return <float>0.5 * (lower + upper)


cdef float _noise(const float* power, Py_ssize_t count, Py_ssize_t before, float* work) noexcept nogil:
    """Of one band ``[count]``: the median before the onset, or what is twice as loud as a tenth of all."""
    cdef Py_ssize_t tenth = count // 10
    if before > 8:
        memcpy(work, power, before * sizeof(float))
        return _median(work, before)
    memcpy(work, power, count * sizeof(float))
    nth_element(work, work + tenth, work + count)
    return 2 * work[tenth]


cdef void _periods(const float* left, const float* gain, const float* noise, Py_ssize_t rows,
                   Py_ssize_t count, Py_ssize_t since, float* work, float* periodic,
                   float* octave) noexcept nogil:
    """How much each window repeats itself at the period of a voice, looked for in what is no noise.

    ``work`` has 4 * POINTS * LANES; the results are ``[count - since]``.
    """
    cdef float* xr = work
    cdef float* xi = work + POINTS * LANES
    cdef Py_ssize_t base, bin_, band, lane, at, to, lag, best, mirror
    cdef float kept, quiet, share, most, own
    cdef float* x
    base = since // (2 * LANES) * (2 * LANES)
    while base < count:
        band = 0
        for bin_ in range(BINS):
            at = bin_ * LANES
            mirror = ((POINTS - bin_) % POINTS) * LANES
            to = bin_ * rows + base
            while band < BANDS and bin_ >= _edges[band + 1]:
                band += 1
            if band < BANDS and bin_ >= _edges[band]:
                quiet = <float>1.5 * noise[band]
                for lane in range(LANES):
                    kept = min(<float>1, max(<float>0.02, 1 - quiet / (left[to + lane] + 1)))
                    xr[at + lane] = left[to + lane] * kept * gain[band * rows + base + lane]
                for lane in range(LANES):
                    kept = min(<float>1, max(<float>0.02, 1 - quiet / (left[to + LANES + lane] + 1)))
                    xi[at + lane] = left[to + LANES + lane] * kept * gain[band * rows + base + LANES + lane]
            else:
                for lane in range(LANES):
                    xr[at + lane] = <float>0.1 * left[to + lane]
                    xi[at + lane] = <float>0.1 * left[to + LANES + lane]
            if mirror != at:
                memcpy(xr + mirror, xr + at, LANES * sizeof(float))
                memcpy(xi + mirror, xi + at, LANES * sizeof(float))
        # A real and even spectrum has a real transform: two windows keep apart by themselves.
        _points.run(LANES, xr, xi, work + 2 * POINTS * LANES, work + 3 * POINTS * LANES)
        for lane in range(2 * LANES):
            to = base + lane - since
            if to < 0 or base + lane >= count:
                continue
            x = (xr + lane) if lane < LANES else (xi + lane - LANES)
            own = x[0] / POINTS + 1
            best, most = 0, -INFINITY
            for lag in range(LAGS):
                share = x[(lag + FIRST_LAG) * LANES] / POINTS / own * _lag_gain[lag]
                if share > most:
                    best, most = lag, share
            periodic[to] = most
            octave[to] = -log2(<float>(best + FIRST_LAG))
        base += 2 * LANES


cdef float _features(const float* left, const float* tail, Py_ssize_t rows, Py_ssize_t count,
                     Py_ssize_t since, Py_ssize_t before, float noise_power, float* work, float* out,
                     float* floor) noexcept nogil:
    """All of FEATURES but the first, ``[count - since]`` each, and the noise ``floor [BANDS]``.

    ``tail`` may be NULL.  Returns the loudest of ``left``, over all bands and all windows.  ``work`` has
    (2 * BANDS + 1) * rows + 4 * POINTS * LANES.
    """
    cdef Py_ssize_t band, bin_, at, number = count - since, part
    cdef float* power = work
    cdef float* gain = work + BANDS * rows
    cdef float* scratch = work + 2 * BANDS * rows
    cdef float total = 0, loudest = 0
    cdef float[BANDS] noise
    memset(power, 0, BANDS * rows * sizeof(float))
    memset(out, 0, 4 * number * sizeof(float))
    for band in range(BANDS):
        for bin_ in range(_edges[band], _edges[band + 1]):
            for at in range(rows):
                power[band * rows + at] += left[bin_ * rows + at]
        for at in range(rows):
            gain[band * rows + at] = 1
        if tail != NULL:
            for at in range(rows):
                gain[band * rows + at] = min(
                    <float>1, max(<float>0, 1 - 3 * tail[band * rows + at] / (power[band * rows + at] + 1))
                )
        floor[band] = _noise(power + band * rows, count, before, scratch)
        total += floor[band]
    for at in range(count):
        scratch[at] = 0
    for band in range(BANDS):
        # No more than the line's noise as it was known from before.
        floor[band] *= min(<float>1, 2 * noise_power / (total + 1))
        noise[band] = floor[band] / (_edges[band + 1] - _edges[band])
        part = 1 if band < LOW_END else 2 if band < MID_END else 3
        for at in range(count):
            scratch[at] += power[band * rows + at]
        for at in range(number):
            out[part * number + at] += power[band * rows + since + at] * gain[band * rows + since + at]
    for at in range(count):
        loudest = max(loudest, scratch[at])
    memcpy(out, scratch + since, number * sizeof(float))
    _periods(left, gain, noise, rows, count, since, scratch + rows, out + 4 * number, out + 5 * number)
    return loudest


def features(const float[:, ::1] left not None, tail, Py_ssize_t since, Py_ssize_t before,
             float noise_power):
    """Windows from ``since`` on: ``[6, windows]``, the noise ``[bands]``, and the loudest window's power.

    ``left`` is power ``[bins, windows]``, ``tail`` None or ``[bands, windows]``, the noise that of the windows
    up to ``before``, but no more than ``noise_power`` (may be infinite) says.  The rows: power left, then
    low, middle and high bands without the tail, how periodic, and at which pitch, in octaves.
    """
    cdef Py_ssize_t count = left.shape[1], rows = _rows(left.shape[1])
    if left.shape[0] != BINS or not 0 <= since < count or not 0 <= before <= count:
        raise ValueError("left is power [257, windows]; since and before are windows of it")
    padded, tails_padded = np.zeros((BINS, rows), np.float32), np.zeros((BANDS, rows), np.float32)
    padded[:, :count] = left
    if tail is not None:
        tails_padded[:, :count] = tail
    cdef float[:, ::1] wide = padded
    cdef float[:, ::1] allowed = tails_padded
    cdef const float* tails = &allowed[0, 0] if tail is not None else NULL
    cdef float[::1] work = np.empty((2 * BANDS + 1) * rows + 4 * POINTS * LANES, np.float32)
    cdef float[:, ::1] out = np.empty((FEATURES - 1, count - since), np.float32)
    cdef float[::1] floor = np.empty(BANDS, np.float32)
    cdef float loudest
    with nogil:
        loudest = _features(&wide[0, 0], tails, rows, count, since, before, noise_power, &work[0],
                            &out[0, 0], &floor[0])
    return np.asarray(out), np.asarray(floor), loudest


def measure(const int16_t[::1] heard not None, const int16_t[::1] played not None, Py_ssize_t rate_hz,
            Py_ssize_t latest, Py_ssize_t since, Py_ssize_t before, float known_ms, float noise_power):
    """All of it at once, from both sides' ``[samples]`` int16, which end at the same moment.

    Of ``heard``, as many windows are looked at as the latest ``latest`` samples at 8 kHz have, of ``played``
    so much more as an echo may be late.  Returns the features ``[7, windows]`` from window ``since`` on, the
    noise ``[bands]``, the loudest window's power, and the echo's delay in samples at 8 kHz, or None.
    """
    if rate_hz not in (RATE, 2 * RATE):
        raise ValueError(f"rate_hz is {rate_hz}; 8000 and 16000 are known")
    cdef Py_ssize_t step = rate_hz // RATE
    cdef Py_ssize_t heard_taken = min(heard.shape[0], step * latest)
    cdef Py_ssize_t caller = (heard_taken + step - 1) // step
    cdef Py_ssize_t played_taken = min(played.shape[0], step * (caller + LATEST + 100 * MS))
    cdef Py_ssize_t ours = (played_taken + step - 1) // step
    cdef Py_ssize_t count = (caller - WINDOW) // HOP + 1, rows = _rows(count), delay = 0, at, bin_, band
    if caller < WINDOW or not 0 <= since < count or not 0 <= before <= count:
        raise ValueError("heard has one window at least; since and before are windows of it")
    cdef _Transform whole = _transform(_smooth_size(max(caller, ours) + LATEST - EARLIEST))
    cdef _Transform half = _transform(whole.size // 2)
    cdef Py_ssize_t plane = BINS * rows, number = count - since
    # Both sides as floats; then the correlation's work, and when that is done with, spectra and power; the
    # path's strengths, tails and the rest of what the features want.
    cdef float[::1] memory = np.empty(
        max(caller + ours + 4 * whole.size + FOUND, caller + ours + 5 * plane)
        + BINS + 3 * BANDS * rows + 2 * rows + 4 * POINTS * LANES, np.float32
    )
    cdef float[:, ::1] out = np.zeros((FEATURES, number), np.float32)
    cdef float[::1] floor = np.empty(BANDS, np.float32)
    cdef const int16_t* theirs = &heard[0]
    cdef const int16_t* sent = &played[0] if ours else NULL
    cdef float* hears = &memory[0]
    cdef float* says = hears + caller
    cdef float* hr = says + ours
    cdef float* work
    cdef float* left
    cdef float* tail = NULL
    cdef float loudest
    cdef bint found = False
    with nogil:
        if step == 1:
            _floats(theirs + heard.shape[0] - heard_taken, heard_taken, hears)
            _floats(sent + played.shape[0] - played_taken, played_taken, says)
        else:
            _halved(theirs, heard.shape[0], heard_taken, hears)
            _halved(sent, played.shape[0], played_taken, says)
        if _is_audible(says, ours):
            _correlation(whole, half, hears, caller, says, ours, hr, hr + 4 * whole.size)
            found = _delay(hr + 4 * whole.size, known_ms, &delay)
        left = hr + 4 * plane
        work = left + plane
        _spectra(hears, caller, caller - WINDOW - (count - 1) * HOP, count, rows, hr, hr + plane, work)
        if found:
            # 1 ms early, for what comes before the peak.
            _spectra(says, ours, ours - (delay - MS) - WINDOW - (count - 1) * HOP, count, rows, hr + 2 * plane,
                     hr + 3 * plane, work)
            tail = work + BINS
            work = tail + BANDS * rows
            _left(hr, hr + plane, hr + 2 * plane, hr + 3 * plane, count, rows, tail - BINS, left, tail)
            for band in range(BANDS):
                memset(work, 0, rows * sizeof(float))
                for bin_ in range(_edges[band], _edges[band + 1]):
                    for at in range(rows):
                        work[at] += left[bin_ * rows + at]
                _tail(work, tail + band * rows, count, rows, work + rows)
        else:
            for at in range(plane):
                left[at] = hr[at] * hr[at] + hr[plane + at] * hr[plane + at]
        for bin_ in range(_edges[0], _edges[BANDS]):
            for at in range(number):
                out[0, at] += (hr[bin_ * rows + since + at] * hr[bin_ * rows + since + at]
                               + hr[plane + bin_ * rows + since + at] * hr[plane + bin_ * rows + since + at])
        loudest = _features(left, tail, rows, count, since, before, noise_power, work, &out[1, 0], &floor[0])
    return np.asarray(out), np.asarray(floor), loudest, delay if found else None
