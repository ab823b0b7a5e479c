// SPDX-License-Identifier: BSD-3-Clause
#include "trace/demo.h"

#include <algorithm>

#include "trace/stage.h"

namespace millrace::trace {
namespace {

constexpr Side kClient = Side::kLeft;
constexpr Side kServer = Side::kRight;
const std::array<std::string, 2> kNames = {"client", "server"};

// Timestamps would be on every segment: without them where they do not matter.
Scenery plain() {
  Scenery scenery;
  for (TcpOptions& options : scenery.options) options.timestamps = false;
  return scenery;
}

// Behind the handshake, which is not shown again.
Stage open_stage(const Scenery& scenery = plain()) {
  Stage stage(scenery);
  stage.listen();
  stage.connect(kClient);
  stage.settle();
  stage.curtain();
  return stage;
}

Ladder handshake() {
  Stage stage({});
  stage.listen();
  stage.connect(kClient);
  stage.settle();
  stage.send(kClient, 100);
  stage.settle();
  return stage.ladder(kNames);
}

Ladder teardown() {
  Stage stage = open_stage();
  stage.shutdown(kClient);
  stage.settle();
  stage.shutdown(kServer);
  stage.settle();
  stage.wait();
  return stage.ladder(kNames);
}

Ladder half_close() {
  Stage stage = open_stage();
  stage.send(kClient, 100);
  stage.settle();
  stage.shutdown(kClient);
  stage.settle();
  stage.send(kServer, 1000);
  stage.settle();
  stage.send(kServer, 1000);
  stage.settle();
  stage.shutdown(kServer);
  stage.settle();
  stage.wait();
  return stage.ladder(kNames);
}

Ladder simultaneous_open() {
  Stage stage(plain());
  stage.connect(kClient);
  stage.connect(kServer);
  stage.settle();
  return stage.ladder({"A", "B"});
}

Ladder simultaneous_close() {
  Stage stage = open_stage();
  stage.shutdown(kClient);
  stage.shutdown(kServer);
  stage.settle();
  stage.wait();
  stage.wait();
  return stage.ladder({"A", "B"});
}

Ladder refused() {
  Stage stage(plain());
  stage.connect(kClient);
  stage.settle();
  return stage.ladder(kNames);
}

Ladder reset() {
  Stage stage = open_stage();
  stage.send(kClient, 100);
  stage.settle();
  stage.abort(kServer);
  stage.settle();
  return stage.ladder(kNames);
}

// The first FIN is lost, and so is the last acknowledgement.
Ladder lost_fin() {
  Stage stage = open_stage();
  stage.lose_next(kClient);
  stage.shutdown(kClient);
  stage.settle();
  stage.wait();
  stage.lose_next(kClient);
  stage.shutdown(kServer);
  stage.settle();
  stage.wait();
  stage.wait();
  return stage.ladder(kNames);
}

// One probe is answered; then the cable is cut.
Ladder keepalive() {
  Scenery scenery = plain();
  TcpOptions& options = scenery.options[static_cast<size_t>(kClient)];
  options.keepalive = true;
  options.keepalive_idle = seconds(60);
  options.keepalive_interval = seconds(10);
  options.keepalive_probes = 3;
  Stage stage = open_stage(scenery);
  stage.wait();
  stage.cut();
  for (int i = 0; i < 4; ++i) stage.wait();
  return stage.ladder(kNames);
}

Ladder syn_cookie() {
  Scenery scenery;
  scenery.syn_cookies = SynCookies::kAlways;
  Stage stage(scenery);
  stage.listen();
  stage.connect(kClient);
  stage.settle();
  return stage.ladder(kNames);
}

constexpr Demo kDemos[] = {
    {"handshake", "Opening: three segments, and both know that both can hear", handshake},
    {"teardown", "Closing: each direction by itself, and who closed first waits", teardown},
    {"half-close", "One end has no more to say, and goes on listening", half_close},
    {"simultaneous-open", "Both open at the same time: one connection, and nobody listened",
     simultaneous_open},
    {"simultaneous-close", "Both close at the same time: the FINs cross, and both wait",
     simultaneous_close},
    {"refused", "Nobody listens", refused},
    {"reset", "Aborting: nothing is left, at either end", reset},
    {"lost-fin", "A FIN is lost, and then the last acknowledgement", lost_fin},
    {"keepalive", "Nothing to say: is anybody there?", keepalive},
    {"syn-cookie", "A server that remembers nothing until the client is real", syn_cookie},
};

}  // namespace

std::span<const Demo> demos() { return kDemos; }

const Demo* find_demo(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kDemos), std::end(kDemos),
                                         [&](const Demo& demo) { return demo.name == name; });
  return found == std::end(kDemos) ? nullptr : found;
}

}  // namespace millrace::trace
