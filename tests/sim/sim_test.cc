// SPDX-License-Identifier: BSD-3-Clause
// Shard against shard in virtual time. Each test is a kind of world; each world is drawn from a
// seed, so a failure is replayed by its number: ./run sim --seed N. The options of that are
//   MILLRACE_SIM_SEED=n    only this seed, in every test that is selected
//   MILLRACE_SIM_SEEDS=n   how many seeds Sim.Swarm runs (a long soak reports its progress)
//   MILLRACE_SIM_FIRST=n   the first of them
//   MILLRACE_SIM_TRACE=1   every packet and event to stderr, as it happens
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "scenario.h"
#include "swarm.h"
#include "world.h"

namespace millrace::sim {
namespace {

#ifdef MILLRACE_DCHECK  // a sanitizer, or no optimization
constexpr uint64_t kSwarmSeeds = 300;
#else
constexpr uint64_t kSwarmSeeds = 3000;
#endif
constexpr uint64_t kNamedSeeds = 6;

std::optional<uint64_t> environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == 0) return std::nullopt;
  return std::strtoull(text, nullptr, 0);
}

bool trace() { return environment("MILLRACE_SIM_TRACE").value_or(0) != 0; }

Outcome play(const Scenario& scenario) {
  World world(scenario, trace());
  return world.run();
}

// Plays `make(seed)` for a few seeds; returns what they covered.
template <class Make>
Coverage play_all(Make make, uint64_t seeds = kNamedSeeds) {
  Coverage covered;
  uint64_t first = 1;
  if (const auto only = environment("MILLRACE_SIM_SEED")) {
    first = *only;
    seeds = 1;
  }
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    Scenario scenario = make(seed);
    scenario.name = testing::UnitTest::GetInstance()->current_test_info()->name();
    const Outcome outcome = play(scenario);
    covered.add(outcome.coverage);
    if (!outcome.ok()) {
      ADD_FAILURE() << outcome.failure;
      break;
    }
  }
  return covered;
}

uint64_t count(const Coverage& covered, Counter counter) {
  return covered.counters[static_cast<size_t>(counter)];
}
uint64_t count(const Coverage& covered, Fate fate) {
  return covered.fates[static_cast<size_t>(fate)];
}
uint64_t count(const Coverage& covered, CloseReason reason) {
  return covered.reasons[static_cast<size_t>(reason)];
}
uint64_t count(const Coverage& covered, State state) {
  return covered.states[static_cast<size_t>(state)];
}

// Some connections with random habits between two plain hosts on a plain wire.
Scenario plain(uint64_t seed, size_t connections, uint32_t bytes_max) {
  Scenario scenario = quiet_scenario("plain", seed);
  Random random = Random(seed).fork(0x9a11);
  for (size_t i = 0; i < connections; ++i) {
    ConnectionPlan plan = draw_connection(random, bytes_max);
    plan.options = made_valid(plan.options);
    scenario.connections.push_back(plan);
  }
  return scenario;
}

// Exactly these bytes each way, read and written as fast as it goes.
ConnectionPlan transfer(uint32_t request_bytes, uint32_t response_bytes) {
  ConnectionPlan plan;
  plan.ends[0].bytes = request_bytes;
  plan.ends[1].bytes = response_bytes;
  for (EndPlan& end : plan.ends) end.write_min = end.write_max = 1 << 20;
  return plan;
}

void with_faults(Scenario& scenario, const LinkConfig& faults) {
  for (LinkConfig& link : scenario.links) {
    const LinkConfig wire = link;
    link = faults;
    link.bits_per_second = wire.bits_per_second;
    link.delay = wire.delay;
    link.queue_frames = wire.queue_frames;
  }
  scenario.faults_end = Instant{} + seconds(10);
}

TEST(Sim, NothingIsRetransmittedOnAPerfectWire) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = plain(seed, 8, 200'000);
    // An acknowledgement that is held back for as long as the smallest RTO does not beat it.
    for (ConnectionPlan& plan : scenario.connections) {
      plan.options.delayed_ack_timeout = TcpOptions{}.delayed_ack_timeout;
    }
    return scenario;
  });
  EXPECT_EQ(count(covered, Counter::kTcpRetransSegs), 0u);
  EXPECT_EQ(count(covered, Counter::kTcpExtTCPTimeouts), 0u);
  EXPECT_EQ(count(covered, Counter::kTcpOutRsts), 0u);
  EXPECT_EQ(covered.fates[0], covered.counters[static_cast<size_t>(Counter::kFramesIn)]);
}

TEST(Sim, SwarmWithoutFaults) {
  play_all([](uint64_t seed) { return swarm_scenario(seed, Faults::kNone); }, 40);
}

TEST(Sim, OnePercentLoss) {
  LinkConfig faults;
  faults.loss = 0.01;
  const Coverage covered = play_all([&](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 300'000);
    with_faults(scenario, faults);
    return scenario;
  });
  EXPECT_GT(count(covered, Fate::kLost), 0u);
  EXPECT_GT(count(covered, Counter::kTcpExtTCPFastRetrans), 0u);
}

TEST(Sim, FivePercentLoss) {
  LinkConfig faults;
  faults.loss = 0.05;
  const Coverage covered = play_all([&](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 200'000);
    with_faults(scenario, faults);
    return scenario;
  });
  EXPECT_GT(count(covered, Counter::kTcpRetransSegs), 0u);
}

TEST(Sim, TwentyPercentLoss) {
  LinkConfig faults;
  faults.loss = 0.2;
  const Coverage covered = play_all([&](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 100'000);
    with_faults(scenario, faults);
    scenario.faults_end = Instant{} + seconds(20);
    for (HostPlan& host : scenario.hosts) host.shard.arp_retries = 10;
    return scenario;
  });
  EXPECT_GT(count(covered, Counter::kTcpExtTCPTimeouts), 0u);
}

TEST(Sim, LossInBursts) {
  LinkConfig faults;
  faults.burst_begin = 0.01;
  faults.burst_end = 0.1;
  faults.burst_loss = 1;
  play_all([&](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 200'000);
    with_faults(scenario, faults);
    for (HostPlan& host : scenario.hosts) host.shard.arp_retries = 10;
    return scenario;
  });
}

// A narrow hop both ways, that some runs have from the beginning and others from half a second on.
Scenario narrow(uint64_t seed, LinkConfig::Narrow kind) {
  Scenario scenario = plain(seed, 6, 200'000);
  Random random = Random(seed).fork(0x3a4405);
  for (ConnectionPlan& plan : scenario.connections) {
    plan.options.mtu_probing = random.coin() ? MtuProbing::kAlways : MtuProbing::kBlackHole;
  }
  const bool later = random.coin();
  for (LinkConfig& link : scenario.links) {
    link.path_mtu = static_cast<uint16_t>(random.between(576, 1499));
    link.narrow = kind;
    if (later) link.narrow_from = Instant{} + milliseconds(500);
  }
  return scenario;
}

TEST(Sim, ARouterSaysThatPacketsAreTooLarge) {
  const Coverage covered =
      play_all([](uint64_t seed) { return narrow(seed, LinkConfig::Narrow::kTells); });
  EXPECT_GT(count(covered, Fate::kTooLarge), 0u);
  EXPECT_GT(count(covered, Counter::kPathMtuLowered), 0u);
  EXPECT_EQ(count(covered, Counter::kPathMtuBlackHoles), 0u);
}

TEST(Sim, ARouterSaysNotHowLargePacketsMayBe) {
  const Coverage covered =
      play_all([](uint64_t seed) { return narrow(seed, LinkConfig::Narrow::kTellsNoValue); });
  EXPECT_GT(count(covered, Counter::kPathMtuLowered), 0u);
  EXPECT_EQ(count(covered, Counter::kPathMtuBlackHoles), 0u);
}

TEST(Sim, BlackHoles) {
  const Coverage covered =
      play_all([](uint64_t seed) { return narrow(seed, LinkConfig::Narrow::kSilent); });
  EXPECT_EQ(count(covered, Counter::kPathMtuLowered), 0u);
  EXPECT_GT(count(covered, Counter::kPathMtuBlackHoles), 0u);
  EXPECT_GT(count(covered, Counter::kTcpExtTCPMTUPFail), 0u);
  EXPECT_GT(count(covered, Counter::kTcpExtTCPMTUPSuccess), 0u);
}

TEST(Sim, Outages) {
  play_all([](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 300'000);
    LinkConfig faults;
    for (int64_t at : {2, 900, 5000}) {
      const Instant begin = Instant{} + milliseconds(at);
      faults.outages.push_back({begin, begin + milliseconds(800)});
    }
    with_faults(scenario, faults);
    for (ConnectionPlan& plan : scenario.connections) plan.start = Instant{} + milliseconds(1);
    for (LinkConfig& link : scenario.links) link.bits_per_second = 2'000'000;
    for (HostPlan& host : scenario.hosts) host.shard.arp_retries = 10;
    return scenario;
  });
}

TEST(Sim, Duplication) {
  LinkConfig faults;
  faults.duplicate = 0.4;
  const Coverage covered = play_all([&](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 200'000);
    with_faults(scenario, faults);
    return scenario;
  });
  EXPECT_GT(count(covered, Fate::kDuplicated), 0u);
}

TEST(Sim, Reordering) {
  LinkConfig faults;
  faults.reorder = 0.3;
  const Coverage covered = play_all([&](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 200'000);
    with_faults(scenario, faults);
    for (LinkConfig& link : scenario.links) {
      link.reorder_extra = seed % 2 == 0 ? milliseconds(2) : milliseconds(400);
    }
    return scenario;
  });
  EXPECT_GT(count(covered, Counter::kTcpExtTCPOFOQueue), 0u);
}

TEST(Sim, Corruption) {
  LinkConfig faults;
  faults.corrupt = 0.05;
  faults.truncate = 0.02;
  const Coverage covered = play_all([&](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 200'000);
    with_faults(scenario, faults);
    for (HostPlan& host : scenario.hosts) host.checksum_verdicts = seed % 2 == 0;
    return scenario;
  });
  EXPECT_GT(count(covered, Counter::kDropTcpChecksum), 0u);
  EXPECT_GT(count(covered, Counter::kDropIpChecksum), 0u);
  EXPECT_GT(count(covered, Counter::kDropIpTruncated), 0u);
}

// Marks are told and answered, and none costs a retransmission.
TEST(Sim, CongestionMarks) {
  const auto make = [](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 300'000);
    LinkConfig faults;
    faults.mark = 0.05;
    with_faults(scenario, faults);
    const auto set = [](TcpOptions& options, bool accurate) {
      options.ecn = accurate ? Ecn::kAccurate : Ecn::kClassic;
      options.delayed_ack_timeout = milliseconds(40);  // with 200 a timeout may be due first
    };
    for (HostPlan& host : scenario.hosts) {
      for (TcpOptions& options : host.listeners) set(options, (seed & 1) != 0);
    }
    for (ConnectionPlan& plan : scenario.connections) set(plan.options, (seed & 2) != 0);
    return scenario;
  };
  const Coverage covered = play_all(make, 8);
  EXPECT_GT(count(covered, Fate::kMarked), 0u);
  EXPECT_GT(count(covered, Counter::kTcpExtTCPECNReductions), 0u);
  EXPECT_EQ(count(covered, Counter::kIpExtInCEPkts), count(covered, Fate::kMarked));
  EXPECT_EQ(count(covered, Counter::kTcpExtTCPTimeouts), 0u);
  EXPECT_EQ(count(covered, Counter::kTcpRetransSegs), 0u);
}

// Somewhere on the way the ECN field, or the flags that feed it back, are cleared.
TEST(Sim, EcnClearedOnTheWay) {
  const Coverage covered = play_all([&](uint64_t seed) {
    LinkConfig faults;
    faults.clear_ect = seed % 3 != 0;
    faults.clear_ace = seed % 3 != 1;
    faults.mark = 0.05;
    Scenario scenario = plain(seed, 6, 100'000);
    with_faults(scenario, faults);
    for (HostPlan& host : scenario.hosts) {
      for (TcpOptions& options : host.listeners) options.ecn = Ecn::kAccurate;
    }
    for (ConnectionPlan& plan : scenario.connections) plan.options.ecn = Ecn::kAccurate;
    return scenario;
  });
  EXPECT_GT(count(covered, Fate::kEcnCleared), 0u);
  EXPECT_GT(count(covered, Counter::kTcpExtTCPECNFallback), 0u);
}

TEST(Sim, TinyWindows) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = quiet_scenario("", seed);
    TcpOptions tiny;
    tiny.receive_buffer_bytes = 64;
    tiny.send_buffer_bytes = 64;
    tiny.window_scale = seed % 2 == 0;
    tiny = made_valid(tiny);
    scenario.hosts[1].listeners = {tiny};
    for (uint32_t i = 0; i < 4; ++i) {
      ConnectionPlan plan = transfer(20'000, 20'000);
      plan.options = tiny;
      for (EndPlan& end : plan.ends) end.take_less = 0.1 * i;
      scenario.connections.push_back(plan);
    }
    if (seed % 3 == 0) {
      LinkConfig faults;
      faults.loss = 0.02;
      with_faults(scenario, faults);
    }
    return scenario;
  });
  EXPECT_GT(count(covered, Counter::kFramesIn), 0u);
}

TEST(Sim, AReaderThatStallsClosesTheWindowAndIsProbed) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = quiet_scenario("", seed);
    TcpOptions small;
    small.receive_buffer_bytes = 16 * 1024;
    scenario.hosts[1].listeners = {small};
    ConnectionPlan plan = transfer(150'000, 0);
    plan.ends[0].close_when = CloseWhen::kSent;
    plan.ends[1].stall_at = 40'000;
    plan.ends[1].stall = seconds(7);
    scenario.connections.push_back(plan);
    return scenario;
  });
  EXPECT_GT(count(covered, Counter::kTcpExtTCPWinProbe), 0u);
  EXPECT_GT(covered.window_closed, 0u);
}

TEST(Sim, SimultaneousOpen) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 50'000);
    for (ConnectionPlan& plan : scenario.connections) {
      plan.simultaneous = true;
      plan.client_host = 0;
      plan.server_host = 1;
      plan.options.timestamps = seed % 2 == 0;
    }
    if (seed % 3 == 0) {
      LinkConfig faults;
      faults.loss = 0.1;
      faults.reorder = 0.1;
      with_faults(scenario, faults);
      for (HostPlan& host : scenario.hosts) host.shard.arp_retries = 10;
    }
    return scenario;
  });
  EXPECT_GT(count(covered, State::kSynReceived), 0u);
}

TEST(Sim, SimultaneousClose) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = quiet_scenario("", seed);
    scenario.links[0].delay = scenario.links[1].delay = milliseconds(20);
    for (uint32_t i = 0; i < 5; ++i) {
      // The same bytes both ways at the same pace: both ends close within a round trip.
      ConnectionPlan plan = transfer(1000 * i, 1000 * i);
      for (EndPlan& end : plan.ends) end.close_when = CloseWhen::kSent;
      scenario.connections.push_back(plan);
    }
    if (seed % 2 == 0) {
      LinkConfig faults;
      faults.loss = 0.1;
      with_faults(scenario, faults);
    }
    return scenario;
  });
  EXPECT_GT(count(covered, State::kClosing) + count(covered, Counter::kTcpExtTCPTimeWait), 0u);
}

TEST(Sim, HalfCloseInBothDirections) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = quiet_scenario("", seed);
    for (size_t closer = 0; closer < 2; ++closer) {
      ConnectionPlan plan = transfer(100, 100);
      plan.ends[closer].close_when = CloseWhen::kSent;
      plan.ends[1 - closer].bytes = 200'000;
      plan.ends[1 - closer].write_min = 1;
      plan.ends[1 - closer].write_max = 3000;
      plan.ends[1 - closer].write_gap = milliseconds(2);
      plan.ends[1 - closer].close_when = CloseWhen::kSent;
      scenario.connections.push_back(plan);
    }
    return scenario;
  });
  EXPECT_GT(count(covered, State::kFinWait2), 0u);
  EXPECT_GT(count(covered, State::kCloseWait), 0u);
}

TEST(Sim, ManyConnections) {
  const Coverage covered = play_all(
      [](uint64_t seed) {
        Scenario scenario = quiet_scenario("", seed);
        for (uint32_t i = 0; i < 1000; ++i) {
          ConnectionPlan plan = transfer(64 + i % 100, 64);
          plan.rounds = 1;
          plan.start = Instant{} + microseconds(seed % 2 == 0 ? 0 : i * 100);
          scenario.connections.push_back(plan);
        }
        if (seed % 3 == 0) {
          LinkConfig faults;
          faults.loss = 0.01;
          with_faults(scenario, faults);
          for (HostPlan& host : scenario.hosts) host.shard.arp_retries = 10;
        }
        return scenario;
      },
      3);
  EXPECT_GT(count(covered, Counter::kTcpPassiveOpens), 0u);
}

TEST(Sim, OneByteSegments) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = quiet_scenario("", seed);
    TcpOptions options;
    options.nodelay = true;
    options.timestamps = seed % 2 == 0;
    scenario.hosts[1].listeners = {options};
    ConnectionPlan plan = transfer(2000, 2000);
    plan.options = options;
    for (EndPlan& end : plan.ends) {
      end.write_min = end.write_max = 1;
      end.write_gap = microseconds(30);
    }
    scenario.connections.push_back(plan);
    LinkConfig faults;
    faults.loss = 0.01;
    faults.reorder = 0.2;
    faults.duplicate = 0.1;
    if (seed % 3 != 0) with_faults(scenario, faults);
    return scenario;
  });
  EXPECT_GT(count(covered, Counter::kTcpOutSegs), 0u);
}

TEST(Sim, LostArp) {
  play_all([](uint64_t seed) {
    Scenario scenario = plain(seed, 3, 20'000);
    LinkConfig faults;
    faults.arp_lost_first = static_cast<uint32_t>(seed);
    with_faults(scenario, faults);
    scenario.faults_end = Instant{} + seconds(30);
    for (HostPlan& host : scenario.hosts) host.shard.arp_retries = 10;
    return scenario;
  });
}

TEST(Sim, NobodyThereAndNobodyListening) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = plain(seed, 4, 1000);
    scenario.connections[0].unreachable = true;
    scenario.connections[1].refused = true;
    return scenario;
  });
  EXPECT_GT(count(covered, CloseReason::kNeighborUnreachable), 0u);
  EXPECT_GT(count(covered, CloseReason::kRefused), 0u);
}

TEST(Sim, Aborts) {
  const Coverage covered = play_all(
      [](uint64_t seed) {
        Scenario scenario = plain(seed, 12, 100'000);
        Random random(seed);
        for (ConnectionPlan& plan : scenario.connections) {
          EndPlan& end = plan.ends[random.below(2)];
          end.abort_how = random.pick({AbortHow::kAbort, AbortHow::kClose});
          end.abort_after = random.duration({}, milliseconds(50));
        }
        if (seed % 2 == 0) {
          LinkConfig faults;
          faults.loss = 0.1;
          with_faults(scenario, faults);
          for (HostPlan& host : scenario.hosts) host.shard.arp_retries = 10;
        }
        return scenario;
      },
      12);
  EXPECT_GT(count(covered, CloseReason::kLocalAbort), 0u);
  EXPECT_GT(count(covered, CloseReason::kPeerReset), 0u);
}

TEST(Sim, TuplesUsedAgain) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = quiet_scenario("", seed);
    scenario.ports_scarce = true;
    for (HostPlan& host : scenario.hosts) {
      host.shard.port_first = 40000;
      host.shard.port_last = 40003;
      host.shard.msl = seconds(1);
    }
    for (uint32_t i = 0; i < 40; ++i) {
      ConnectionPlan plan = transfer(500, 500);
      plan.start = Instant{} + milliseconds(100) * i;
      plan.ends[seed % 2].close_when = CloseWhen::kSent;
      scenario.connections.push_back(plan);
    }
    return scenario;
  });
  EXPECT_GT(covered.tuples_reused, 0u);
}

// Connections with Fast Open, one each 100 ms.
Scenario fast_opens(uint64_t seed, uint32_t bytes_max) {
  Scenario scenario = plain(seed, 30, bytes_max);
  for (HostPlan& host : scenario.hosts) {
    for (TcpOptions& listener : host.listeners) listener.fast_open = true;
  }
  for (size_t i = 0; i < scenario.connections.size(); ++i) {
    ConnectionPlan& plan = scenario.connections[i];
    plan.start = Instant{} + milliseconds(static_cast<int64_t>(100 * i));
    plan.options.fast_open = true;
    plan.ends[0].write_early = true;
  }
  return scenario;
}

TEST(Sim, FastOpen) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = fast_opens(seed, 50'000);
    LinkConfig faults;
    faults.loss = 0.03;
    faults.duplicate = 0.1;
    faults.reorder = 0.1;
    faults.reorder_extra = milliseconds(300);
    with_faults(scenario, faults);
    return scenario;
  });
  EXPECT_GT(count(covered, Counter::kTcpExtTCPFastOpenPassive), 0u);
  EXPECT_GT(count(covered, Counter::kTcpExtTCPFastOpenActive), 0u);
  EXPECT_GT(count(covered, Counter::kTcpExtTCPFastOpenActiveFail), 0u);
}

// The server has the text of a SYN, breaks off, and nothing of that reaches the client: its SYN
// without the text begins once more.
TEST(Sim, FastOpenThatIsBrokenOffUnheard) {
  const Coverage covered = play_all([](uint64_t seed) {
    Scenario scenario = fast_opens(seed, 20'000);
    for (ConnectionPlan& plan : scenario.connections) {
      plan.ends[1].abort_how = AbortHow::kAbort;
      plan.ends[1].abort_after = milliseconds(5);
    }
    LinkConfig faults;
    faults.loss = 0.3;
    with_faults(scenario, faults);
    return scenario;
  });
  EXPECT_GT(count(covered, Counter::kTcpExtTCPFastOpenPassive), 0u);
  EXPECT_GT(covered.begun_anew, 0u);
}

TEST(Sim, AStrangersFrames) {
  play_all([](uint64_t seed) {
    Scenario scenario = plain(seed, 6, 100'000);
    scenario.noise = 0.2;
    return scenario;
  });
}

TEST(Sim, SameSeedSameTranscript) {
  std::vector<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Scenario scenario = swarm_scenario(seed, Faults::kDrawn);
    const Outcome first = play(scenario);
    const Outcome second = play(scenario);
    EXPECT_EQ(first.transcript_hash, second.transcript_hash) << "seed " << seed;
    for (const uint64_t other : hashes) EXPECT_NE(first.transcript_hash, other);
    hashes.push_back(first.transcript_hash);
  }
}

// The short ways of segments in order are ways, and no behaviour of their own: every frame and
// every event is the same without them.
TEST(Sim, PredictionChangesNothing) {
  uint64_t predicted = 0;
  play_all(
      [&](uint64_t seed) {
        Scenario scenario = swarm_scenario(seed, Faults::kDrawn);
        const Outcome with = play(scenario);
        predicted += count(with.coverage, Counter::kTcpExtTCPHPHits);
        for (HostPlan& host : scenario.hosts) host.shard.prediction = false;
        EXPECT_EQ(play(scenario).transcript_hash, with.transcript_hash) << "seed " << seed;
        return scenario;
      },
      environment("MILLRACE_SIM_SEEDS").value_or(200));
  EXPECT_GT(predicted, 0u);
}

// A device that cuts segments out of larger frames sends what the shard would have sent itself.
TEST(Sim, SegmentationOffloadChangesNothing) {
  uint64_t joined = 0;
  play_all(
      [&](uint64_t seed) {
        Scenario scenario = swarm_scenario(seed, Faults::kDrawn);
        const Outcome without = play(scenario);
        for (HostPlan& host : scenario.hosts) {
          host.shard.tso_bytes_max = 2000 + static_cast<uint32_t>(seed * 7919 % 63'000);
        }
        const Outcome with = play(scenario);
        EXPECT_EQ(with.transcript_hash, without.transcript_hash) << "seed " << seed;
        joined += with.coverage.joined;
        return scenario;
      },
      environment("MILLRACE_SIM_SEEDS").value_or(200));
  EXPECT_GT(joined, 1000u);
}

// What these seeds found, each once: a probe's answer that disarmed the persist timer, a sender
// that waited for memory in vain, segments taken after abort(), a window announced unscaled.
TEST(Sim, SeedsThatFailedOnce) {
  for (const uint64_t seed :
       {3, 43, 58, 164, 606, 723, 1877, 11978, 13529, 15141, 23486, 74485, 217692, 254603}) {
    const Outcome outcome = play(swarm_scenario(seed, Faults::kDrawn));
    EXPECT_TRUE(outcome.ok()) << outcome.failure;
  }
}

TEST(Sim, Swarm) {
  constexpr uint64_t kSeedsPerReport = 10'000;
  uint64_t first = environment("MILLRACE_SIM_FIRST").value_or(1);
  uint64_t seeds = environment("MILLRACE_SIM_SEEDS").value_or(kSwarmSeeds);
  if (const auto only = environment("MILLRACE_SIM_SEED")) {
    first = *only;
    seeds = 1;
  }
  Coverage covered;
  int failures = 0;
  for (uint64_t seed = first; seed < first + seeds && failures < 3; ++seed) {
    const Outcome outcome = play(swarm_scenario(seed, Faults::kDrawn));
    covered.add(outcome.coverage);
    if (!outcome.ok()) {
      ADD_FAILURE() << outcome.failure;
      ++failures;
    }
    if ((seed - first + 1) % kSeedsPerReport == 0) {
      std::printf("Sim.Swarm: seed %llu, %llu of %llu, %d failed\n",
                  static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(seed - first + 1),
                  static_cast<unsigned long long>(seeds), failures);
      std::fflush(stdout);
    }
  }
  if (seeds > kSwarmSeeds) std::printf("%s", covered.to_string().c_str());
  if (seeds < kSwarmSeeds || failures != 0) return;

  // The swarm goes where it is meant to.
  for (size_t i = 0; i < kFateCount; ++i) EXPECT_GT(covered.fates[i], 0u) << i;
  for (const State state :
       {State::kSynSent, State::kSynReceived, State::kEstablished, State::kFinWait1,
        State::kFinWait2, State::kCloseWait, State::kClosing, State::kLastAck}) {
    EXPECT_GT(count(covered, state), 0u) << millrace::to_string(state);
  }
  for (const CloseReason reason :
       {CloseReason::kNormal, CloseReason::kPeerReset, CloseReason::kRefused,
        CloseReason::kNeighborUnreachable, CloseReason::kLocalAbort}) {
    EXPECT_GT(count(covered, reason), 0u) << millrace::to_string(reason);
  }
  for (const Counter counter :
       {Counter::kTcpExtTCPTimeouts, Counter::kTcpExtTCPFastRetrans, Counter::kTcpExtDelayedACKs,
        Counter::kTcpExtTCPOFOQueue, Counter::kTcpExtTCPWinProbe, Counter::kTcpExtTCPTimeWait,
        Counter::kTcpExtTCPSynRetrans, Counter::kTcpExtTCPKeepAlive, Counter::kDropTcpChecksum,
        Counter::kDropIpChecksum, Counter::kDropIpTruncated, Counter::kPathMtuLowered,
        Counter::kPathMtuBlackHoles, Counter::kTcpExtTCPMTUPFail, Counter::kTcpExtTCPMTUPSuccess}) {
    EXPECT_GT(count(covered, counter), 0u) << to_string(counter);
  }
  EXPECT_GT(covered.window_closed, 0u);
}

}  // namespace
}  // namespace millrace::sim
