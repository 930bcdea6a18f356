#include "llm/text_stream.h"

#include <algorithm>
#include <utility>

namespace offhook::llm {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Character {
  size_t bytes;  // how many of the input belong to it
  enum { kValid, kInvalid, kIncomplete } kind;
};

/// Looks at the character that begins at text[0]; text is not empty.  Follows the table of well-formed
/// byte sequences in the Unicode standard (3-7): no surrogates, no overlong forms, nothing above U+10FFFF.
Character look_at(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, Character::kValid};
  size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, Character::kInvalid};
  }
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, Character::kIncomplete};
    if (byte(i) < low || byte(i) > high) return {i, Character::kInvalid};
    low = 0x80;
    high = 0xBF;
  }
  return {length, Character::kValid};
}

}  // namespace

std::string Utf8Joiner::push(std::string_view bytes) {
  held_.append(bytes);
  std::string text;
  std::string_view rest = held_;
  while (!rest.empty()) {
    const Character next = look_at(rest);
    if (next.kind == Character::kIncomplete) break;
    if (next.kind == Character::kValid) {
      text.append(rest.substr(0, next.bytes));
    } else {
      text.append(kReplacement);
    }
    rest.remove_prefix(next.bytes);
  }
  held_ = std::string(rest);
  return text;
}

std::string Utf8Joiner::finish() {
  if (held_.empty()) return {};
  held_.clear();
  return std::string(kReplacement);
}

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopMatcher::push(std::string_view text) {
  if (stop_at_) return {};
  held_.append(text);
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, held_.find(stop));
  if (first != std::string::npos) {
    std::string before = held_.substr(0, first);
    stop_at_ = released_bytes_ + first;
    released_bytes_ += first;
    held_.clear();
    return before;
  }
  // Keep the longest end that may be the beginning of a stop string.
  size_t keep = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n) {
      if (std::string_view(held_).substr(held_.size() - n) == std::string_view(stop).substr(0, n)) keep = n;
    }
  }
  std::string out = held_.substr(0, held_.size() - keep);
  released_bytes_ += out.size();
  held_.erase(0, out.size());
  return out;
}

std::string StopMatcher::finish() {
  if (stop_at_) return {};
  released_bytes_ += held_.size();
  return std::exchange(held_, {});
}

}  // namespace offhook::llm
