// SPDX-License-Identifier: BSD-3-Clause
#include "control/verbs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "cli/values.h"

namespace millrace::control {
namespace {

class OneLine final : public Answer {
 public:
  explicit OneLine(std::string line) : line_(std::move(line)) {}
  Result<Step> next(std::string& out) override {
    out += line_;
    return Step::kDone;
  }

 private:
  std::string line_;
};

}  // namespace

std::unique_ptr<Answer> say(const nlohmann::json& line) {
  return std::make_unique<OneLine>(
      line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

Verbs::Verbs(const std::string& command, const std::string& device) {
  const nlohmann::json about = {
      {"pid", getpid()}, {"version", MILLRACE_VERSION}, {"command", command}, {"device", device}};
  add("about", [about](const nlohmann::json&) { return say(about); });
  add("stop", [](const nlohmann::json&) {
    kill(getpid(), SIGTERM);
    return say({{"stopping", true}});
  });
}

void Verbs::add(const std::string& name, Handler handler) {
  handlers_.emplace(name, std::move(handler));
}

const Handler* Verbs::find(const std::string& name) const {
  const auto found = handlers_.find(name);
  return found == handlers_.end() ? nullptr : &found->second;
}

std::vector<std::string> Verbs::names() const {
  std::vector<std::string> names;
  for (const auto& entry : handlers_) names.push_back(entry.first);
  return names;
}

Result<std::unique_ptr<Answer>> ask(const Verbs& verbs, std::string_view line) {
  const nlohmann::json request = nlohmann::json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("verb") || !request["verb"].is_string()) {
    return Error{R"(a request is one line such as {"verb": "about"})"};
  }
  const std::string verb = request["verb"];
  const Handler* handler = verbs.find(verb);
  if (handler == nullptr) {
    return Error{fmt::format("this process cannot be asked for \"{}\" but for {}",
                             verb.substr(0, 40), cli::one_of(verbs.names()))};
  }
  return (*handler)(request);
}

}  // namespace millrace::control
