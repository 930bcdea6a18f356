#include <doctest/doctest.h>

#include "support.h"
#include "vad/energy_gate.h"

using offhook::EnergyGate;
using offhook::test::noise;
using offhook::test::Samples;
using offhook::test::sine;

namespace {

/// Feeds everything, frame by frame; returns how many hops were complete.
int feed(EnergyGate* gate, const Samples& samples, size_t chunk = 160) {
  int hops = 0;
  for (size_t at = 0; at < samples.size();) {
    bool complete = false;
    at += gate->push(samples.data() + at, std::min(chunk, samples.size() - at), &complete);
    hops += complete;
  }
  return hops;
}

}  // namespace

TEST_CASE("levels are dBFS, and an offset does not count") {
  EnergyGate gate(8000);
  CHECK(gate.hop_samples() == 80);
  CHECK(feed(&gate, sine(1000, 8000, 160, 32767)) == 2);
  CHECK(gate.level_db() == doctest::Approx(-3.01).epsilon(0.01));
  feed(&gate, sine(1000, 8000, 160, 3276.7));
  CHECK(gate.level_db() == doctest::Approx(-23.01).epsilon(0.01));
  feed(&gate, Samples(160, 5000));
  CHECK(gate.level_db() == offhook::kSilenceFloorDb);
  feed(&gate, Samples(160, -32768));
  CHECK(gate.level_db() == offhook::kSilenceFloorDb);
}

TEST_CASE("hops are cut the same whatever the chunks") {
  const auto samples = noise(-40, 8000);
  EnergyGate whole(16000), pieces(16000);
  CHECK(feed(&whole, samples, 8000) == 50);
  CHECK(feed(&pieces, samples, 7) == 50);
  CHECK(whole.level_db() == pieces.level_db());
  CHECK(whole.floor_db() == pieces.floor_db());
}

TEST_CASE("the floor finds steady noise of any level, and calls it silence") {
  for (const double level : {-65.0, -55.0, -45.0, -35.0}) {
    CAPTURE(level);
    EnergyGate gate(8000);
    feed(&gate, noise(level, 3 * 8000));
    CHECK(gate.floor_db() == doctest::Approx(level).epsilon(0.04));
    CHECK(gate.silent_hops() > 200);
  }
}

TEST_CASE("the floor rises with the noise within two seconds, and falls at once") {
  EnergyGate gate(8000);
  feed(&gate, noise(-60, 3 * 8000));
  feed(&gate, noise(-40, 8000, 2));
  CHECK(gate.floor_db() < -55);
  feed(&gate, noise(-40, 8000 + 4000, 3));
  CHECK(gate.floor_db() == doctest::Approx(-40).epsilon(0.04));
  feed(&gate, noise(-60, 400, 4));
  CHECK(gate.floor_db() == doctest::Approx(-60).epsilon(0.04));
}

TEST_CASE("speech is not silence, and does not lift the floor between its words") {
  EnergyGate gate(8000);
  feed(&gate, noise(-60, 8000));
  auto samples = offhook::test::speech("emergency");
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<int16_t>(samples[i] + noise(-60, 1, static_cast<unsigned>(i))[0]);
  }
  feed(&gate, samples);
  feed(&gate, noise(-60, 800, 7));
  CHECK(gate.floor_db() == doctest::Approx(-60).epsilon(0.05));
  feed(&gate, sine(400, 8000, 80, 3000));
  CHECK(gate.silent_hops() == 0);
}

TEST_CASE("digital silence is silent, and says nothing about the line") {
  EnergyGate gate(8000);
  feed(&gate, noise(-45, 3 * 8000));
  const float before = gate.floor_db();
  feed(&gate, Samples(5 * 8000, 0));
  CHECK(gate.silent_hops() >= 500);
  feed(&gate, noise(-45, 8000, 2));
  CHECK(gate.floor_db() == doctest::Approx(before).epsilon(0.03));
  CHECK(gate.silent_hops() > 500);
}
