#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "llm/text_stream.h"

using namespace offhook::llm;

TEST_CASE("characters come whole") {
  Utf8Joiner joiner;
  CHECK(joiner.push("caf\xC3") == "caf");
  CHECK(joiner.push("\xA9 ") == "\xC3\xA9 ");
  CHECK(joiner.push("\xF0\x9F\x93") == "");
  CHECK(joiner.push("\x9E!") == "\xF0\x9F\x93\x9E!");
  CHECK(joiner.finish() == "");
  CHECK(joiner.push("\xE2\x82") == "");
  CHECK(joiner.finish() == "\xEF\xBF\xBD");
}

TEST_CASE("bytes that are no characters become U+FFFD, what follows survives") {
  const auto join = [](std::string_view bytes) {
    Utf8Joiner joiner;
    std::string text = joiner.push(bytes);
    return text + joiner.finish();
  };
  CHECK(join("a\xFFz") == "a\xEF\xBF\xBDz");
  CHECK(join("\xC3z") == "\xEF\xBF\xBDz");
  CHECK(join("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");          // overlong
  CHECK(join("\xED\xA0\x80").find("\xED") == std::string::npos);  // surrogate
  CHECK(join("\xF4\x90\x80\x80").find("\xF4") == std::string::npos);
}

TEST_CASE("any cut of any text gives the text back") {
  const std::string text = "Grüße – 電話 📞 naïve\n";
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    Utf8Joiner joiner;
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const size_t n = 1 + random() % 3;
      out += joiner.push(std::string_view(text).substr(at, n));
      at += n;
    }
    CHECK(out + joiner.finish() == text);
  }
}

TEST_CASE("a stop string ends the text before it, however it is cut") {
  const std::string text = "one two###three";
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    StopMatcher matcher({"##", "threx"});
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const size_t n = 1 + random() % 4;
      out += matcher.push(std::string_view(text).substr(at, n));
      at += n;
    }
    out += matcher.finish();
    CHECK(out == "one two");
    CHECK(matcher.stopped());
    CHECK(*matcher.stop_at() == 7);
  }
}

TEST_CASE("what only looked like a stop string comes out") {
  StopMatcher matcher({"STOP", ""});
  CHECK(matcher.push("ab ST") == "ab ");
  CHECK(matcher.push("AY") == "STAY");
  CHECK(matcher.push(" S") == " ");
  CHECK(matcher.finish() == "S");
  CHECK_FALSE(matcher.stopped());
}

TEST_CASE("the earliest of several stops wins") {
  StopMatcher matcher({"world", "o w"});
  CHECK(matcher.push("hello world") == "hell");
  CHECK(matcher.push("more") == "");
}
