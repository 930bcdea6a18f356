# Fast Fourier transforms of sizes whose only factors are 2, 3 and 5, in single precision.
#
# Stockham's form: no bit reversal, and each pass reads and writes runs of neighbouring numbers, four of them
# at once.  Real and imaginary parts lie in arrays of their own.  Many small transforms go through it at once,
# number by number interleaved, which is the same as one large transform that has got further already; only
# the first pass of one that comes alone has no such runs.
#
# Not NumPy's: its transforms let go of the GIL, but every step around them takes it again, and each of them
# is one transform at a time.  The figures are in bench/bench_kernels.py.

cdef extern from *:
    """
    typedef float offhook_four __attribute__((vector_size(16), aligned(4), may_alias));
    """
    # Four neighbours, on which arithmetic works as on one; every machine that we run on has such registers.
    ctypedef float Four "offhook_four"


cdef enum:
    MAX_PASSES = 40


cdef void _by_2(Py_ssize_t m, Py_ssize_t s, Py_ssize_t step, const Four* xr, const Four* xi,
              Four* yr, Four* yi, const float* c, const float* d) noexcept nogil:
    cdef Py_ssize_t p, q, low, high, to
    cdef Four ur, ui
    cdef float c1, d1
    for p in range(m):
        c1 = c[p * step]
        d1 = d[p * step]
        low, high, to = s * p, s * (p + m), 2 * s * p
        for q in range(s):
            ur = xr[low + q] - xr[high + q]
            ui = xi[low + q] - xi[high + q]
            yr[to + q] = xr[low + q] + xr[high + q]
            yi[to + q] = xi[low + q] + xi[high + q]
            yr[to + s + q] = ur * c1 - ui * d1
            yi[to + s + q] = ur * d1 + ui * c1


cdef void _by_3(Py_ssize_t m, Py_ssize_t s, Py_ssize_t step, const Four* xr, const Four* xi,
              Four* yr, Four* yi, const float* c, const float* d) noexcept nogil:
    cdef Py_ssize_t p, q, i0, i1, i2, to
    cdef Four ar, ai, br, bi, tr, ti
    cdef float c1, d1, c2, d2
    cdef float half = 0.5, root = 0.86602540378443864676
    for p in range(m):
        c1, d1 = c[p * step], d[p * step]
        c2, d2 = c[2 * p * step], d[2 * p * step]
        i0, i1, i2, to = s * p, s * (p + m), s * (p + 2 * m), 3 * s * p
        for q in range(s):
            ar = xr[i1 + q] + xr[i2 + q]
            ai = xi[i1 + q] + xi[i2 + q]
            br = root * (xi[i1 + q] - xi[i2 + q])
            bi = root * (xr[i2 + q] - xr[i1 + q])
            tr = xr[i0 + q] - half * ar
            ti = xi[i0 + q] - half * ai
            yr[to + q] = xr[i0 + q] + ar
            yi[to + q] = xi[i0 + q] + ai
            yr[to + s + q] = (tr + br) * c1 - (ti + bi) * d1
            yi[to + s + q] = (tr + br) * d1 + (ti + bi) * c1
            yr[to + 2 * s + q] = (tr - br) * c2 - (ti - bi) * d2
            yi[to + 2 * s + q] = (tr - br) * d2 + (ti - bi) * c2


cdef void _by_4(Py_ssize_t m, Py_ssize_t s, Py_ssize_t step, const Four* xr, const Four* xi,
              Four* yr, Four* yi, const float* c, const float* d) noexcept nogil:
    cdef Py_ssize_t p, q, i0, i1, i2, i3, to
    cdef Four ar, ai, br, bi, cr, ci, dr, di
    cdef float c1, d1, c2, d2, c3, d3
    for p in range(m):
        c1, d1 = c[p * step], d[p * step]
        c2, d2 = c[2 * p * step], d[2 * p * step]
        c3, d3 = c[3 * p * step], d[3 * p * step]
        i0, i1, i2, i3, to = s * p, s * (p + m), s * (p + 2 * m), s * (p + 3 * m), 4 * s * p
        for q in range(s):
            ar = xr[i0 + q] + xr[i2 + q]
            ai = xi[i0 + q] + xi[i2 + q]
            br = xr[i0 + q] - xr[i2 + q]
            bi = xi[i0 + q] - xi[i2 + q]
            cr = xr[i1 + q] + xr[i3 + q]
            ci = xi[i1 + q] + xi[i3 + q]
            dr = xi[i1 + q] - xi[i3 + q]  # times -i
            di = xr[i3 + q] - xr[i1 + q]
            yr[to + q] = ar + cr
            yi[to + q] = ai + ci
            yr[to + s + q] = (br + dr) * c1 - (bi + di) * d1
            yi[to + s + q] = (br + dr) * d1 + (bi + di) * c1
            yr[to + 2 * s + q] = (ar - cr) * c2 - (ai - ci) * d2
            yi[to + 2 * s + q] = (ar - cr) * d2 + (ai - ci) * c2
            yr[to + 3 * s + q] = (br - dr) * c3 - (bi - di) * d3
            yi[to + 3 * s + q] = (br - dr) * d3 + (bi - di) * c3


cdef void _first_by_4(Py_ssize_t m, const float* xr, const float* xi, float* yr, float* yi,
                      const float* c, const float* d) noexcept nogil:
    """The first pass of a transform that comes alone: here the neighbours are those of p."""
    cdef Py_ssize_t p
    cdef float ar, ai, br, bi, cr, ci, dr, di, c1, d1, c2, d2
    for p in range(m):
        c1, d1 = c[p], d[p]
        c2, d2 = c1 * c1 - d1 * d1, c1 * d1 + c1 * d1
        ar, ai = xr[p] + xr[p + 2 * m], xi[p] + xi[p + 2 * m]
        br, bi = xr[p] - xr[p + 2 * m], xi[p] - xi[p + 2 * m]
        cr, ci = xr[p + m] + xr[p + 3 * m], xi[p + m] + xi[p + 3 * m]
        dr, di = xi[p + m] - xi[p + 3 * m], xr[p + 3 * m] - xr[p + m]
        yr[4 * p] = ar + cr
        yi[4 * p] = ai + ci
        yr[4 * p + 1] = (br + dr) * c1 - (bi + di) * d1
        yi[4 * p + 1] = (br + dr) * d1 + (bi + di) * c1
        yr[4 * p + 2] = (ar - cr) * c2 - (ai - ci) * d2
        yi[4 * p + 2] = (ar - cr) * d2 + (ai - ci) * c2
        br, bi = br - dr, bi - di
        yr[4 * p + 3] = br * (c1 * c2 - d1 * d2) - bi * (c1 * d2 + d1 * c2)
        yi[4 * p + 3] = br * (c1 * d2 + d1 * c2) + bi * (c1 * c2 - d1 * d2)


cdef void _by_5(Py_ssize_t m, Py_ssize_t s, Py_ssize_t step, const Four* xr, const Four* xi,
              Four* yr, Four* yi, const float* c, const float* d) noexcept nogil:
    cdef Py_ssize_t p, q, k, i0, i1, i2, i3, i4, to
    cdef Four ar, ai, br, bi, er, ei, fr, fi, tr, ti, ur, ui, vr, vi, wr, wi
    cdef float c1, d1, c2, d2, c3, d3, c4, d4
    cdef float cos1 = 0.30901699437494742410, cos2 = -0.80901699437494742410
    cdef float sin1 = 0.95105651629515357212, sin2 = 0.58778525229247312917
    for p in range(m):
        c1, d1 = c[p * step], d[p * step]
        c2, d2 = c[2 * p * step], d[2 * p * step]
        c3, d3 = c[3 * p * step], d[3 * p * step]
        c4, d4 = c[4 * p * step], d[4 * p * step]
        i0, i1, i2, i3, i4 = s * p, s * (p + m), s * (p + 2 * m), s * (p + 3 * m), s * (p + 4 * m)
        to = 5 * s * p
        for q in range(s):
            ar, ai = xr[i1 + q] + xr[i4 + q], xi[i1 + q] + xi[i4 + q]
            br, bi = xr[i2 + q] + xr[i3 + q], xi[i2 + q] + xi[i3 + q]
            er, ei = xi[i1 + q] - xi[i4 + q], xr[i4 + q] - xr[i1 + q]  # times -i
            fr, fi = xi[i2 + q] - xi[i3 + q], xr[i3 + q] - xr[i2 + q]
            tr, ti = xr[i0 + q] + cos1 * ar + cos2 * br, xi[i0 + q] + cos1 * ai + cos2 * bi
            ur, ui = xr[i0 + q] + cos2 * ar + cos1 * br, xi[i0 + q] + cos2 * ai + cos1 * bi
            vr, vi = sin1 * er + sin2 * fr, sin1 * ei + sin2 * fi
            wr, wi = sin2 * er - sin1 * fr, sin2 * ei - sin1 * fi
            yr[to + q] = xr[i0 + q] + ar + br
            yi[to + q] = xi[i0 + q] + ai + bi
            yr[to + s + q] = (tr + vr) * c1 - (ti + vi) * d1
            yi[to + s + q] = (tr + vr) * d1 + (ti + vi) * c1
            yr[to + 2 * s + q] = (ur + wr) * c2 - (ui + wi) * d2
            yi[to + 2 * s + q] = (ur + wr) * d2 + (ui + wi) * c2
            yr[to + 3 * s + q] = (ur - wr) * c3 - (ui - wi) * d3
            yi[to + 3 * s + q] = (ur - wr) * d3 + (ui - wi) * c3
            yr[to + 4 * s + q] = (tr - vr) * c4 - (ti - vi) * d4
            yi[to + 4 * s + q] = (tr - vr) * d4 + (ti - vi) * c4


cdef class _Transform:
    """One size's factors and roots of unity.  Never changes, so threads share it."""

    cdef readonly Py_ssize_t size
    cdef int passes
    cdef int[MAX_PASSES] radix
    cdef float[::1] cosines
    cdef float[::1] sines

    def __cinit__(self, Py_ssize_t size):
        cdef Py_ssize_t rest = size
        self.size = size
        for radix in (4, 2, 3, 5):
            while rest % radix == 0:
                self.radix[self.passes] = radix
                self.passes += 1
                rest //= radix
        assert rest == 1, "sizes are made by smooth_size"
        angle = np.arange(size) * (-2 * np.pi / size)
        self.cosines = np.cos(angle).astype(np.float32)
        self.sines = np.sin(angle).astype(np.float32)

    cdef void run(self, Py_ssize_t lanes, float* xr, float* xi, float* yr, float* yi) noexcept nogil:
        """Forward, of ``lanes`` interleaved transforms, from x back to x; y is scratch.

        The other direction is the same with real and imaginary parts exchanged; nothing is scaled.
        """
        cdef Py_ssize_t m = self.size, s = lanes
        cdef float* ar = xr
        cdef float* ai = xi
        cdef float* br = yr
        cdef float* bi = yi
        cdef const float* c = &self.cosines[0]
        cdef const float* d = &self.sines[0]
        cdef int number, radix
        for number in range(self.passes):
            radix = self.radix[number]
            m = m // radix
            if s == 1:
                _first_by_4(m, ar, ai, br, bi, c, d)  # all sizes have a factor of 4
            elif radix == 4:
                _by_4(m, s // 4, s // lanes, <Four*>ar, <Four*>ai, <Four*>br, <Four*>bi, c, d)
            elif radix == 2:
                _by_2(m, s // 4, s // lanes, <Four*>ar, <Four*>ai, <Four*>br, <Four*>bi, c, d)
            elif radix == 3:
                _by_3(m, s // 4, s // lanes, <Four*>ar, <Four*>ai, <Four*>br, <Four*>bi, c, d)
            else:
                _by_5(m, s // 4, s // lanes, <Four*>ar, <Four*>ai, <Four*>br, <Four*>bi, c, d)
            s = s * radix
            ar, br = br, ar
            ai, bi = bi, ai
        if ar != xr:
            memcpy(xr, ar, self.size * lanes * sizeof(float))
            memcpy(xi, ai, self.size * lanes * sizeof(float))


_transforms = {}

cdef enum:
    KEPT_SIZE = 32_768  # what a judgement needs; a long utterance's is made for it alone


cdef _Transform _transform(Py_ssize_t size):
    """The caller has the GIL."""
    found = _transforms.get(size)
    if found is None:
        found = _Transform(size)
        if size <= KEPT_SIZE:
            _transforms[size] = found
    return found


cdef Py_ssize_t _smooth_size(Py_ssize_t least) noexcept nogil:
    """The next multiple of 1024 whose only factors are 2, 3 and 5."""
    cdef Py_ssize_t thousands = (least + 1023) // 1024, rest
    if thousands < 1:
        thousands = 1
    while True:
        rest = thousands
        while rest % 2 == 0:
            rest = rest // 2
        while rest % 3 == 0:
            rest = rest // 3
        while rest % 5 == 0:
            rest = rest // 5
        if rest == 1:
            return thousands * 1024
        thousands += 1
