# The caller's audio without our own voice in it.

cdef float LEFT_SHARE = 0.1
# Of the echo's power, what may be left of it after the subtraction: -10 dB is turned down further.
cdef float LEAST_GAIN = 0.1


cdef void _fill(const int16_t* signal, Py_ssize_t length, Py_ssize_t first, Py_ssize_t window,
                const float* taper, Py_ssize_t lane, float* x) noexcept nogil:
    cdef Py_ssize_t at, low = min(window, max(0, -first)), high = max(low, min(window, length - first))
    for at in range(window):
        x[at * LANES + lane] = 0
    for at in range(low, high):
        x[at * LANES + lane] = signal[first + at] * taper[at]


def without_voice(const int16_t[::1] heard not None, const int16_t[::1] ours not None, Py_ssize_t window):
    """``heard`` without what it has in common with ``ours``: ``[samples]`` int16, both end together.

    ``window`` (samples) is 512 or 1024: windows lie half of it apart, and the echo's path is one complex gain
    for each frequency over all of them.
    """
    if window not in (512, 1024):
        raise ValueError(f"window is {window}; 512 and 1024 are known")
    cdef Py_ssize_t length = heard.shape[0], hop = window // 2, bins = window // 2 + 1
    if not length or not ours.shape[0]:
        return np.array(heard, np.int16)
    cdef _Transform transform = _transform(window)
    cdef Py_ssize_t count = (length + hop - 1) // hop + 1
    cdef Py_ssize_t rows = (count + LANES - 1) // LANES * LANES
    # Of both sides, real and imaginary: the caller's become what is left of them.
    cdef float[:, :, ::1] spectra = np.empty((4, bins, rows), np.float32)
    cdef float[::1] work = np.zeros(4 * window * LANES, np.float32)
    # Its square adds up to one at half a window's hop.
    cdef float[::1] taper = np.sqrt(np.hanning(window + 1)[:window]).astype(np.float32)
    cdef float[::1] strength = np.empty(bins, np.float32)
    cdef float[::1] sum_ = np.zeros((rows + 1) * hop, np.float32)
    cdef int16_t[::1] out = np.empty(length, np.int16)
    cdef const int16_t* theirs = &heard[0]
    cdef const int16_t* sent = &ours[0]
    cdef float* xr = &work[0]
    cdef float* xi = xr + window * LANES
    cdef float* yr = xi + window * LANES
    cdef float* yi = yr + window * LANES
    cdef float ar, ai, br, bi, most = 0, total, pr, pi, er, ei, power, gain
    cdef Py_ssize_t batch, base, lane, bin_, at, mirror, to, late = ours.shape[0] - length
    with nogil:
        for batch in range(rows // LANES):
            base = batch * LANES
            for lane in range(LANES):
                to = (base + lane - 1) * hop
                _fill(theirs, length, to, window, &taper[0], lane, xr)
                _fill(sent, ours.shape[0], to + late, window, &taper[0], lane, xi)
            transform.run(LANES, xr, xi, yr, yi)
            for bin_ in range(bins):
                at = bin_ * LANES
                mirror = ((window - bin_) % window) * LANES
                for lane in range(LANES):
                    ar, ai = xr[at + lane], xi[at + lane]
                    br, bi = xr[mirror + lane], xi[mirror + lane]
                    spectra[0, bin_, base + lane] = <float>0.5 * (ar + br)
                    spectra[1, bin_, base + lane] = <float>0.5 * (ai - bi)
                    spectra[2, bin_, base + lane] = <float>0.5 * (ai + bi)
                    spectra[3, bin_, base + lane] = <float>0.5 * (br - ar)
        for bin_ in range(bins):
            total = 0
            for at in range(rows):
                br, bi = spectra[2, bin_, at], spectra[3, bin_, at]
                total += br * br + bi * bi
            strength[bin_] = total
            most = max(most, total)
        for bin_ in range(bins):
            pr = 0
            pi = 0
            for at in range(rows):
                ar, ai = spectra[0, bin_, at], spectra[1, bin_, at]
                br, bi = spectra[2, bin_, at], spectra[3, bin_, at]
                pr += ar * br + ai * bi
                pi += ai * br - ar * bi
            total = strength[bin_] + <float>1e-2 * most + 1
            pr = pr / total
            pi = pi / total
            for at in range(rows):
                br, bi = spectra[2, bin_, at], spectra[3, bin_, at]
                er = pr * br - pi * bi
                ei = pr * bi + pi * br
                ar = spectra[0, bin_, at] - er
                ai = spectra[1, bin_, at] - ei
                power = ar * ar + ai * ai
                gain = max(LEAST_GAIN, 1 - LEFT_SHARE * (er * er + ei * ei) / (power + 1))
                spectra[0, bin_, at] = ar * gain
                spectra[1, bin_, at] = ai * gain
        for batch in range(rows // LANES):
            base = batch * LANES
            # The other half of a real signal's spectrum is its mirror image.
            for bin_ in range(bins):
                at = bin_ * LANES
                mirror = ((window - bin_) % window) * LANES
                for lane in range(LANES):
                    xr[mirror + lane] = spectra[0, bin_, base + lane]
                    xi[mirror + lane] = -spectra[1, bin_, base + lane]
                    xr[at + lane] = spectra[0, bin_, base + lane]
                    xi[at + lane] = spectra[1, bin_, base + lane]
            transform.run(LANES, xi, xr, yi, yr)
            for lane in range(LANES):
                to = (base + lane) * hop
                for at in range(window):
                    sum_[to + at] += xr[at * LANES + lane] * taper[at] / window
        for at in range(length):
            total = rintf(sum_[hop + at])
            out[at] = <int16_t>min(<float>32767, max(<float>-32768, total))
    return np.asarray(out)
