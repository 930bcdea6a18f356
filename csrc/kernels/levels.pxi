# How loud audio is, frame by frame.


def frame_powers(const int16_t[::1] audio not None, Py_ssize_t size):
    """Mean square of each whole frame of ``size`` samples, counted from the end: ``[frames]`` float64."""
    if size < 1:
        raise ValueError("size is the number of samples in a frame, at least 1")
    cdef Py_ssize_t count = audio.shape[0] // size, number, at
    cdef Py_ssize_t first = audio.shape[0] - count * size
    cdef double[::1] out = np.empty(count)
    cdef long long square
    with nogil:
        for number in range(count):
            square = 0
            for at in range(first + number * size, first + (number + 1) * size):
                square += <int>audio[at] * audio[at]
            out[number] = square / <double>size
    return np.asarray(out)
