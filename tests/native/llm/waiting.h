// Waiting for the engine without sleeping: its descriptor says when there is news.

#pragma once

#include <poll.h>

#include <chrono>
#include <string>

#include "llm/engine.h"

namespace offhook::llm {

/// Polls until done() is true.  False after thirty seconds.
template <class Done>
bool wait_until(Engine& engine, Done done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
            .count();
    if (left <= 0) return false;
    pollfd news{engine.event_fd(), POLLIN, 0};
    ::poll(&news, 1, static_cast<int>(std::min<int64_t>(left, 1000)));
    engine.poll();
  }
  return true;
}

struct Answer {
  std::string text;
  Finish finish = Finish::kNone;
  std::string error;
};

/// Takes everything until the generation has ended.
inline Answer read_all(Engine& engine, Generation& generation) {
  Answer answer;
  wait_until(engine, [&] {
    const Generation::Taken taken = generation.take();
    answer.text += taken.text;
    answer.finish = taken.finish;
    answer.error = taken.error;
    return taken.finish != Finish::kNone;
  });
  return answer;
}

/// The answer to a question for an end probability; kWaiting when none came.
inline EndAnswer wait_for_end(Engine& engine, const Conversation& call, uint64_t question) {
  EndAnswer answer;
  wait_until(engine, [&] {
    answer = call.end_answer(question);
    return answer.state != EndAnswer::State::kWaiting;
  });
  return answer;
}

}  // namespace offhook::llm
