// Before each batch the cache catches up with the transcripts: closed calls leave it, rolled-back tails and
// dropped turns go, prefixes are shared, evicted, or given a place.  Engine thread, lock held.

#include <algorithm>
#include <cassert>

#include "llm/engine_core.h"

namespace offhook::llm {

void EngineCore::trim(Residence& cache) {
  if (cache.sequence == Residence::kNone || cache.resident <= cache.computed) return;
  if (!backend_->remove(cache.sequence, cache.computed)) {
    backend_->remove(cache.sequence, 0);
    cache.computed = 0;
    drafts_ = false;
  }
  cache.resident = cache.computed;
  cache.shared = std::min(cache.shared, cache.computed);
}

void EngineCore::settle() {
  std::erase_if(calls_, [this](const std::shared_ptr<CallState>& call) {
    if (!call->closed) return false;
    if (call->cache.sequence != Residence::kNone) {
      backend_->remove(call->cache.sequence, 0);
      free_call_sequences_.push_back(call->cache.sequence);
    }
    return true;
  });
  settle_prefixes();
  for (const auto& call : calls_) settle_call(*call);
}

void EngineCore::settle_prefixes() {
  std::erase_if(prefixes_,
                [](const auto& p) { return p->idle() && p->cache.sequence == Residence::kNone && !p->copy; });
  std::vector<PrefixState*> homeless;
  for (const auto& prefix : prefixes_) {
    trim(prefix->cache);
    const bool parked = prefix->copy && prefix->users == 0;
    if (prefix->cache.sequence == Residence::kNone && !parked) homeless.push_back(prefix.get());
  }
  for (PrefixState* prefix : homeless) {
    // There are never more prefixes in use than sequences: what has none can get an idle one's.
    if (free_prefix_sequences_.empty()) evict_one();
    assert(!free_prefix_sequences_.empty());
    prefix->cache.sequence = free_prefix_sequences_.back();
    free_prefix_sequences_.pop_back();
  }
  for (const auto& prefix : prefixes_) {
    if (!prefix->ready() && !prefix->copy) continue;
    for (const auto& preload : prefix->waiting) {
      preload->done = true;
      announce(preload->id);
    }
    prefix->waiting.clear();
  }
}

bool EngineCore::evict_one() {
  PrefixState* oldest = nullptr;
  for (const auto& prefix : prefixes_) {
    if (!prefix->idle() || prefix->cache.sequence == Residence::kNone) continue;
    if (!oldest || prefix->last_used_ns < oldest->last_used_ns) oldest = prefix.get();
  }
  if (!oldest) return false;
  leave_cache(*oldest);
  if (oldest->copy) return true;
  ++stats_.prefix_evictions;
  std::erase_if(prefixes_, [&](const auto& prefix) { return prefix.get() == oldest; });
  return true;
}

void EngineCore::settle_call(CallState& call) {
  Residence& cache = call.cache;
  if (!call.failure.empty()) return;
  if (call.logits_at == CallState::kNone && !call.logits.empty()) std::vector<float>().swap(call.logits);
  if (cache.sequence == Residence::kNone) {
    assert(!free_call_sequences_.empty());
    cache.sequence = free_call_sequences_.back();
    free_call_sequences_.pop_back();
  }
  trim(cache);
  drop_old_turns(call);
  const int32_t prefix_size = call.transcript.prefix_size();
  if (call.prefix && call.prefix->ready() && cache.computed < prefix_size) {
    if (cache.resident > 0) backend_->remove(cache.sequence, 0);
    backend_->share(call.prefix->cache.sequence, cache.sequence, prefix_size);
    cache.computed = cache.resident = cache.shared = prefix_size;
  }
  // Everything is there but the logits (after a rollback): compute the token before them again.
  const bool first = call.generation && call.generation->first();
  const int32_t asked_at = call.asked_at();
  if (asked_at > 0 && cache.computed >= asked_at && call.logits_at != asked_at) {
    cache.computed = asked_at - 1;
    trim(cache);
  } else if (first && cache.computed == call.size() && !call.logits_ready()) {
    --cache.computed;
    trim(cache);
  }
  if (call.computed_wanted && cache.computed == call.size()) {
    call.computed_wanted = false;
    announce(call.id);
  }
}

void EngineCore::drop_old_turns(CallState& call) {
  // Positions of what is kept move to the front: the cache turns the kept keys (RoPE) where it can, else
  // the kept turns are computed again.  Their keys and values then still carry traces of the dropped
  // turns they were computed after, which is what a conversation is supposed to remember.
  const bool answering = call.generation && call.generation->first();
  const int32_t share = settings_.call_tokens;
  int32_t count = 0;
  if (answering)
    count = call.transcript.plan_drop(share, std::min(call.generation->options.max_tokens, share));
  if (count == 0) count = call.transcript.plan_drop(share, answering ? 1 : 0);
  if (count == 0) return;
  Residence& cache = call.cache;
  const int32_t from = call.transcript.prefix_size();
  const int32_t to = from + count;
  if (cache.computed >= to && backend_->can_shift() && backend_->cut(cache.sequence, from, to)) {
    cache.computed -= count;
    cache.resident -= count;
  } else {
    cache.cut_to(from);
    trim(cache);
  }
  call.transcript.drop(count);
  check_question(call);
  call.logits_at = CallState::kNone;
  stats_.dropped_tokens += static_cast<uint64_t>(count);
}

}  // namespace offhook::llm
