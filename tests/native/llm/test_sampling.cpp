// Choosing from logits: the largest one wherever it lies, whatever else is there.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "llm/sampling.h"

using namespace offhook::llm;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

Token of(const std::vector<float>& logits) {
  return likeliest(logits.data(), static_cast<int32_t>(logits.size()));
}

}  // namespace

TEST_CASE("the likeliest token, in every place of vocabularies of every size") {
  std::mt19937 random(7);
  for (const int32_t size : {1, 2, 15, 16, 17, 511, 512, 513, 1040, 5000}) {
    std::vector<float> logits(static_cast<size_t>(size));
    for (float& logit : logits) logit = std::uniform_real_distribution<float>(-30, 10)(random);
    for (int32_t place = 0; place < size; place += std::max(1, size / 97)) {
      std::vector<float> row = logits;
      row[static_cast<size_t>(place)] = 11;
      CHECK(of(row) == place);
      row.push_back(11);
      CHECK(of(row) == place);  // the first of equals
    }
  }
}

TEST_CASE("what is no number is never chosen") {
  CHECK(of({}) == -1);
  CHECK(of({kNaN, -INFINITY, kNaN}) == -1);
  CHECK(of(std::vector<float>(2000, kNaN)) == -1);
  std::vector<float> row(2000, kNaN);
  row[1234] = -1e30F;
  CHECK(of(row) == 1234);
  row[77] = INFINITY;
  CHECK(of(row) == 77);
}

TEST_CASE("the probability of some tokens together") {
  const std::vector<float> row{0, 0, 0, 0};
  const std::vector<Token> some{1, 3, 99, -1};
  CHECK(probability_of(row.data(), 4, some.data(), some.size()) == doctest::Approx(0.5));
  CHECK(probability_of(row.data(), 0, some.data(), some.size()) == 0.0);
}
