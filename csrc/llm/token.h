// The words of the language model room: what a token, a sequence and a position are.

#pragma once

#include <cstdint>

namespace offhook::llm {

using Token = int32_t;       ///< index into the model's vocabulary, 0 .. n_vocab-1
using SequenceId = int32_t;  ///< a sequence of the model's cache, 0 .. n_sequences-1

/// Nanoseconds on the monotonic clock (the one Python calls time.monotonic_ns()).
using Nanoseconds = int64_t;

constexpr Nanoseconds kMillisecond = 1'000'000;

}  // namespace offhook::llm
