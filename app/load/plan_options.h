// SPDX-License-Identifier: BSD-3-Clause
// What a person says of connections that are opened, asked on and closed: options into a Plan and
// what is said. The same for a mode of its own and for a part of a mix.
#pragma once

#include <CLI/CLI.hpp>

#include "load/exchange.h"
#include "load/generator.h"
#include "serve/serve_program.h"

namespace millrace::load {

struct PlanOptions {
  Plan plan;
  ExchangeConfig exchange{.paths = {}};  // none: /
};

// Those of the plan's mode. `options` must outlive the app.
void add_plan_options(CLI::App& app, PlanOptions& options);

// When all is parsed and the target is known. Errors: what is said is no request.
Result<Exchange> complete(PlanOptions& options);

// Who answers at the other end of the loopback.
[[nodiscard]] serve::ServeConfig server_for(const PlanOptions& options);

}  // namespace millrace::load
