// Prefixes that nobody uses leave the cache, and come back with their caller.
//
// Attention looks at every cell up to the last one in use, for every token computed, whether the token may
// see it or not: what lies idle is paid for by everybody who speaks.  So a prefix without a call is copied
// into ordinary memory, once, as it never changes, and its cells are given back; opening a call with it
// copies it in again, which takes milliseconds where computing it takes a second.  A prefix that is the only
// one stays: nobody else is slowed down.
//
// Engine thread.  The copying is done without the lock.

#include <algorithm>

#include "llm/engine_core.h"

namespace offhook::llm {

namespace {

// Each is compared with the prompt of every call that comes.
constexpr int64_t kMostCopies = 512;

}  // namespace

bool EngineCore::move_prefix(Lock& lock) {
  return bring_back_one(lock) || park_one(lock);
}

bool EngineCore::bring_back_one(Lock& lock) {
  const auto found = std::find_if(prefixes_.begin(), prefixes_.end(), [](const auto& p) {
    return p->copy && !p->idle() && p->cache.computed == 0 && p->cache.sequence != Residence::kNone;
  });
  if (found == prefixes_.end()) return false;
  const std::shared_ptr<PrefixState> prefix = *found;
  while (cells_used() + prefix->size() > backend_->cells() && evict_one()) {
  }
  lock.unlock();
  const bool back = backend_->restore(prefix->cache.sequence, *prefix->copy);
  lock.lock();
  last_progress_ns_ = now();
  if (back) {
    prefix->cache.computed = prefix->cache.resident = prefix->size();
    ++stats_.prefix_restores;
  } else {
    prefix->copy.reset();  // no room in one piece, or no memory: it is computed
  }
  return true;
}

bool EngineCore::park_one(Lock& lock) {
  if (settings_.parked_tokens <= 0 || prefixes_.size() < 2) return false;
  const auto found = std::find_if(prefixes_.begin(), prefixes_.end(), [](const auto& p) {
    return p->idle() && p->ready() && p->cache.sequence != Residence::kNone && !p->stays;
  });
  if (found == prefixes_.end()) return false;
  const std::shared_ptr<PrefixState> prefix = *found;
  if (!prefix->copy) {
    if (!make_room_for_copy(prefix->size())) {
      prefix->stays = true;
      return true;
    }
    lock.unlock();
    auto copy = backend_->save(prefix->cache.sequence);
    lock.lock();
    last_progress_ns_ = now();
    if (copy.empty()) {
      prefix->stays = true;
      return true;
    }
    prefix->copy = std::make_unique<const std::vector<uint8_t>>(std::move(copy));
  }
  if (prefix->idle()) leave_cache(*prefix);  // else a call has come meanwhile
  return true;
}

bool EngineCore::make_room_for_copy(int32_t tokens) {
  if (tokens > settings_.parked_tokens) return false;
  for (;;) {
    int64_t copies = 0;
    int64_t held = tokens;
    PrefixState* oldest = nullptr;
    for (const auto& prefix : prefixes_) {
      if (!prefix->copy) continue;
      ++copies;
      held += prefix->size();
      // Of those in the cache the copy is the easier one to miss.
      const auto is_older = [&](const PrefixState& than) {
        const bool in_cache = prefix->cache.resident > 0;
        const bool than_in_cache = than.cache.resident > 0;
        return in_cache != than_in_cache ? in_cache : prefix->last_used_ns < than.last_used_ns;
      };
      if (!oldest || is_older(*oldest)) oldest = prefix.get();
    }
    if (held <= settings_.parked_tokens && copies < kMostCopies) return true;
    if (!oldest) return false;
    oldest->copy.reset();
    if (oldest->cache.sequence != Residence::kNone) continue;
    ++stats_.prefix_evictions;
    if (oldest->idle()) std::erase_if(prefixes_, [&](const auto& prefix) { return prefix.get() == oldest; });
  }
}

void EngineCore::leave_cache(PrefixState& prefix) {
  backend_->remove(prefix.cache.sequence, 0);
  free_prefix_sequences_.push_back(prefix.cache.sequence);
  prefix.cache = {};
}

}  // namespace offhook::llm
