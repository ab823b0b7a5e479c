// SPDX-License-Identifier: BSD-3-Clause
#include "serve/serve_program.h"

namespace millrace::serve {

ServeProgram::ServeProgram(const ServeConfig& config)
    : config_(config),
      http_(config.body_bytes, counts_),
      echo_(counts_),
      discard_(counts_),
      chargen_(counts_) {
  echo_.close_by(config.echo_closes ? Closing::kFin : config.closing);
  http_.close_by(config.closing);
  echo_.work_for(config.echo_work);
}

Result<void> ServeProgram::start(Shard& shard) {
  const auto listen = [&](uint16_t port, App& app) -> Result<void> {
    if (port == 0) return {};
    const Result<ListenerId> listener = shard.listen({IpAddress{}, port}, app, config_.tcp);
    if (!listener) return listener.error();
    return {};
  };
  Result<void> done = http_.prepare(shard);
  if (done) done = listen(config_.http_port, http_);
  if (done) done = listen(config_.echo_port, echo_);
  if (done) done = listen(config_.discard_port, discard_);
  if (done) done = listen(config_.chargen_port, chargen_);
  return done;
}

void ServeProgram::stopping(Shard&) {
  http_.stop();
  echo_.stop();
}

}  // namespace millrace::serve
