#include <doctest/doctest.h>

#include <vector>

#include "audio/event_outbox.h"

using offhook::EventKind;
using offhook::EventOutbox;
using offhook::MediaEvent;
using offhook::MediaEventQueue;

namespace {

std::vector<MediaEvent> drain(MediaEventQueue* queue) {
  std::vector<MediaEvent> out;
  MediaEvent event{};
  while (queue->pop(&event)) out.push_back(event);
  return out;
}

/// Sends whole utterances at positions 0, 1, 2 ..., each with one pause that was resumed.
void talk(EventOutbox* outbox, MediaEventQueue* queue, int utterances) {
  int64_t position = 0;
  for (int i = 0; i < utterances; ++i) {
    for (const EventKind kind :
         {EventKind::kSpeechStarted, EventKind::kSpeechPaused, EventKind::kSpeechResumed,
          EventKind::kSpeechPaused, EventKind::kSpeechStopped}) {
      outbox->send({1, position++, 0, 0, kind}, *queue);
    }
  }
}

/// Whether the events could have happened in this order.
bool is_well_formed(const std::vector<MediaEvent>& events) {
  auto before = EventKind::kSpeechStopped;
  int64_t position = -1;
  for (const auto& event : events) {
    bool fits = false;
    switch (event.kind) {
      case EventKind::kSpeechStarted:
      case EventKind::kAudioEnded:
        fits = before == EventKind::kSpeechStopped;
        break;
      case EventKind::kSpeechPaused:
        fits = before == EventKind::kSpeechStarted || before == EventKind::kSpeechResumed;
        break;
      case EventKind::kSpeechResumed:
      case EventKind::kSpeechStopped:
        fits = before == EventKind::kSpeechPaused;
        break;
      case EventKind::kMessageReceived:
        break;  // only in a test of its own
    }
    if (!fits || event.position_samples <= position) return false;
    before = event.kind;
    position = event.position_samples;
  }
  return true;
}

}  // namespace

TEST_CASE("with room in the queue events pass through") {
  MediaEventQueue queue(16);
  EventOutbox outbox;
  talk(&outbox, &queue, 2);
  CHECK(outbox.empty());
  CHECK(drain(&queue).size() == 10);
}

TEST_CASE("what the queue refuses waits, in order") {
  MediaEventQueue queue(4);
  EventOutbox outbox;
  talk(&outbox, &queue, 4);
  CHECK_FALSE(outbox.empty());
  std::vector<MediaEvent> all;
  while (!outbox.empty()) {
    for (const auto& event : drain(&queue)) all.push_back(event);
    CHECK(outbox.flush(queue) > 0);
  }
  for (const auto& event : drain(&queue)) all.push_back(event);
  CHECK(all.size() == 20);
  CHECK(is_well_formed(all));
  CHECK(outbox.dropped() == 0);
}

TEST_CASE("a reader that is away for good loses resumed pauses, then old utterances, never the end") {
  for (const int utterances : {7, 10, 12, 40, 1000}) {
    CAPTURE(utterances);
    MediaEventQueue queue(4);
    EventOutbox outbox;
    talk(&outbox, &queue, utterances);
    outbox.send({1, 1'000'000, 0, 0, EventKind::kAudioEnded}, queue);
    std::vector<MediaEvent> all = drain(&queue);
    while (!outbox.empty()) {
      outbox.flush(queue);
      for (const auto& event : drain(&queue)) all.push_back(event);
    }
    CHECK(is_well_formed(all));
    CHECK(all.back().kind == EventKind::kAudioEnded);
    CHECK(all.size() + outbox.dropped() == static_cast<size_t>(utterances) * 5 + 1);
  }
}

TEST_CASE("messages that wait are told of once, and cost no speech event") {
  MediaEventQueue queue(4);
  EventOutbox outbox;
  talk(&outbox, &queue, 2);
  for (int i = 0; i < 100; ++i) outbox.send({1, 10, 0, 0, EventKind::kMessageReceived}, queue);
  std::vector<MediaEvent> all = drain(&queue);
  while (!outbox.empty()) {
    outbox.flush(queue);
    for (const auto& event : drain(&queue)) all.push_back(event);
  }
  REQUIRE(all.size() == 11);
  CHECK(all.back().kind == EventKind::kMessageReceived);
  all.pop_back();
  CHECK(is_well_formed(all));
  CHECK(outbox.dropped() == 0);
}
