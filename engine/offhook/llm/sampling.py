"""Picking the next token from a model's logits."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp.llama_cpp as ll
import numpy as np
from numpy.typing import NDArray

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """Greedy at temperature 0, else llama.cpp's top-p and temperature chain.  One generation, one thread."""

    def __init__(self, *, temperature: float, top_p: float, seed: int) -> None:
        self._chain: Any = None
        if temperature > 0:
            self._chain = ll.llama_sampler_chain_init(ll.llama_sampler_chain_default_params())
            for link in (
                ll.llama_sampler_init_top_k(40),
                ll.llama_sampler_init_top_p(top_p, 1),
                ll.llama_sampler_init_temp(temperature),
                ll.llama_sampler_init_dist(seed),
            ):
                ll.llama_sampler_chain_add(self._chain, link)

    def pick(self, logits: NDArray[np.float32]) -> int:
        """The next token."""
        if self._chain is None:
            return int(logits.argmax())
        candidates = np.empty(len(logits), _TOKEN_DATA)
        candidates["id"] = np.arange(len(logits))
        candidates["logit"] = logits
        candidates["p"] = 0
        array = ll.llama_token_data_array(
            data=candidates.ctypes.data_as(ctypes.POINTER(ll.llama_token_data)),
            size=len(logits),
            selected=-1,
            sorted=False,
        )
        ll.llama_sampler_apply(self._chain, ctypes.byref(array))
        token = int(array.data[array.selected].id)
        ll.llama_sampler_accept(self._chain, token)
        return token

    def close(self) -> None:
        """Free the chain."""
        if self._chain is not None:
            ll.llama_sampler_free(self._chain)
            self._chain = None
