// The library's sampler chain and grammars behind our Sampler.

#pragma once

#include <memory>

#include "llm/llama_model.h"
#include "llm/sampling.h"

namespace offhook::llm {

/// Throws EngineError(kInvalid) for options out of range and for a grammar that cannot be used.
std::unique_ptr<Sampler> make_llama_sampler(std::shared_ptr<const LlamaModel> model,
                                            const SamplingOptions& options);

}  // namespace offhook::llm
