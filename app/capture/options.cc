// SPDX-License-Identifier: BSD-3-Clause
#include "capture/options.h"

#include "cli/values.h"

namespace millrace::capture {

void add_capture_options(CLI::App& command, CaptureOptions& options) {
  command.option_defaults()->group("Capture (of what the shards receive and send)");
  RecordOptions& o = options.record;
  command.add_option("--capture", o.path, "write frames to this pcapng file")->type_name("FILE");
  command.add_option("--capture-address", options.address, "only TCP of this address")
      ->type_name("ADDRESS");
  cli::add_port(command, "--capture-port", o.tap.port, "only TCP of this port");
  cli::add_number(command, "--capture-sample", o.tap.sample, 1, 1u << 30,
                  "one connection of so many, and each of those whole");
  cli::add_number(command, "--capture-snap", o.tap.snap_bytes, 14, TapConfig::kSnapMax,
                  "bytes of each frame at most");
  cli::add_number(command, "--capture-count", o.count_max, 0, UINT64_MAX,
                  "frames at most; 0: until the end");
  cli::add_size(command, "--capture-rotate", o.rotate_bytes, 0, uint64_t{1} << 40,
                "go on in FILE.1, FILE.2, ... whenever one is so long; 0: never");
  cli::add_number(command, "--capture-files", o.files_max, 0, 1u << 20,
                  "keep so many of those, the latest; 0: all");
  command.option_defaults()->group("Options");
}

Result<void> apply(CaptureOptions& options, EngineConfig& config) {
  if (options.record.path.empty()) return {};
  if (!options.address.empty()) {
    const Result<IpAddress> address = IpAddress::parse(options.address);
    if (!address) return Error{"--capture-address: " + address.error().message};
    options.record.tap.address = *address;
  }
  config.tap = options.record.tap;
  return {};
}

}  // namespace millrace::capture
