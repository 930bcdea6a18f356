// Where an answer that left its draft finds back to it: the bookkeeping alone, word by word.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "llm/draft.h"

using namespace offhook::llm;

namespace {

/// A draft of words, followed word by word.
class Words {
 public:
  explicit Words(const std::string& draft) {
    std::vector<Token> tokens;
    std::vector<bool> telling;
    for (const std::string& word : split(draft)) {
      tokens.push_back(token_of(word));
      telling.push_back(is_telling(word));
    }
    draft_ = Draft(std::move(tokens), std::move(telling));
  }
  /// Says words; what is guessed next.
  std::string say(const std::string& words) {
    for (const std::string& word : split(words)) draft_.follow(token_of(word));
    return next();
  }
  std::string next() const {
    std::string text;
    for (const Token token : draft_.next()) text += (text.empty() ? "" : " ") + known_[size_t(token)];
    return text;
  }
  Draft& draft() { return draft_; }

 private:
  static std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words;
    std::istringstream in(text);
    for (std::string word; in >> word;) words.push_back(word);
    return words;
  }
  Token token_of(const std::string& word) {
    const auto at = std::find(known_.begin(), known_.end(), word);
    if (at == known_.end()) known_.push_back(word);
    return static_cast<Token>(std::find(known_.begin(), known_.end(), word) - known_.begin());
  }
  std::vector<std::string> known_;
  Draft draft_;
};

}  // namespace

TEST_CASE("a contraction: the differing token stands for the draft's") {
  Words words("We are open Monday to Friday from 7 to 6 .");
  CHECK(words.next() == "We are open Monday to Friday from 7 to 6 .");
  CHECK(words.say("We 're") == "open Monday to");
  CHECK(words.say("open Monday to") == "Friday from 7");
  words.draft().grow();
  CHECK(words.next() == "Friday from 7 to 6 .");
  CHECK(words.say("Friday from 7 to 6") == ".");
  CHECK(words.say(".").empty());
}

TEST_CASE("an inserted word: a long token finds back at once, a short one with the next") {
  Words words("We are open Monday to Friday from 7");
  CHECK(words.say("We are always") == "Monday to Friday");  // perhaps instead of "open": it is not
  CHECK(words.say("open") == "Monday to Friday");
  Words shorter("It is on the left of our door");
  CHECK(shorter.say("It is just") == "the left of");
  CHECK(shorter.say("on").empty());
  CHECK(shorter.say("the") == "left of our");
}

TEST_CASE("dropped words: the differing token stands further on") {
  Words words("We are also open Monday to Friday");
  CHECK(words.say("We are open") == "Monday to Friday");
  Words shorter("We are , as you know , in the old town");
  CHECK(shorter.say("We are in") == "as you know");  // "in" alone says little
  CHECK(shorter.say("the") == "old town");
}

TEST_CASE("a place is looked for near where the answer left the draft") {
  Words near("one a b c d e f g friday then more");
  CHECK(near.say("x friday").empty());
  Words nearer("one a b c d e f friday then more");
  CHECK(nearer.say("x friday") == "then more");
}

TEST_CASE("nothing in common: a few guesses and no more") {
  Words words("We are open Monday to Friday");
  CHECK(words.say("Sorry") == "are open Monday");
  CHECK(words.say(", I do not know that .").empty());
  CHECK(words.say("Monday") == "to Friday");  // still remembered
  CHECK(words.say("open") == "Monday to Friday");
  CHECK(words.say("are").empty());
  CHECK(words.say("We are open Monday to").empty());  // given up
}

TEST_CASE("repeated tokens: the nearest place that the last two agree on, else the nearest") {
  const std::string draft = "Tuesday from eight to noon and from three to seven";
  Words one(draft);
  CHECK(one.say("Tuesday till three") == "to seven");
  Words two(draft);
  CHECK(two.say("Tuesday and from") == "three to seven");  // not the first "from"
  Words three(draft);
  CHECK(three.say("Tuesday yes from") == "eight to noon");
  Words wrong_place("open open open open now");
  CHECK(wrong_place.say("closed") == "open open open");
  CHECK(wrong_place.say("open open") == "open now");
}

TEST_CASE("a place that was none: the answer is still where it left the draft") {
  Words words("We have bread and cake , Monday to Friday");
  CHECK(words.say("We have Monday") == "to Friday");
  CHECK(words.say("bread") == "and cake ,");
}

TEST_CASE("a batch is filled up with what the draft says next, and at its end with the end of the message") {
  const Token end = 7;
  std::vector<Token> tokens(DraftSteps::kFirst + 2);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = 100 + static_cast<Token>(i);
  Draft draft(tokens, std::vector<bool>(tokens.size(), true), end);
  const auto last_of = [&draft](int32_t more) { return draft.next(more).back(); };
  CHECK(draft.next().size() == DraftSteps::kFirst);
  CHECK(last_of(2) == tokens.back());
  CHECK(draft.next(3).size() == DraftSteps::kFirst + 3);
  CHECK(last_of(3) == end);
  for (size_t i = 0; i + 1 < tokens.size(); ++i) draft.follow(tokens[i]);
  CHECK(draft.next().size() == 1);  // what fills up is no guess of its own
  CHECK(draft.next(3).size() == 4);
  draft.follow(tokens.back());
  CHECK(draft.next(3).empty());

  Draft endless(tokens, std::vector<bool>(tokens.size(), true));  // a vocabulary without an end
  CHECK(endless.next(3).size() == tokens.size());
}
