// From the bytes of tokens to text that can be shown: whole UTF-8 characters, cut at a stop string.
//
// A token may hold part of a character, and a stop string may begin in one token and end in a later one.
// Both classes hold back what is undecided and give the rest at once.  Plain values; one thread at a time.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace offhook::llm {

/// Joins bytes to valid UTF-8.  Invalid bytes come out as U+FFFD.
class Utf8Joiner {
 public:
  /// Adds bytes; returns the text that is complete now.
  std::string push(std::string_view bytes);

  /// Ends the stream: an unfinished character becomes one U+FFFD.
  std::string finish();

 private:
  std::string held_;  // the beginning of one character, at most 3 bytes
};

/// Ends a stream of text before the first stop string.
class StopMatcher {
 public:
  /// Empty strings among `stops` are ignored.
  explicit StopMatcher(std::vector<std::string> stops);

  /// Adds text; returns what certainly comes before every stop string.  After a stop was found
  /// everything is swallowed.
  std::string push(std::string_view text);

  /// Ends the stream: what was held back, which was no stop string after all.
  std::string finish();

  bool stopped() const { return stop_at_.has_value(); }

  /// Length [bytes] of the text before the stop string; nothing while none was found.
  std::optional<size_t> stop_at() const { return stop_at_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  size_t released_bytes_ = 0;
  std::optional<size_t> stop_at_;
};

}  // namespace offhook::llm
