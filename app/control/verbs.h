// SPDX-License-Identifier: BSD-3-Clause
// What a running process can be asked by its control socket: a table of verbs. In: a request, a
// JSON object whose "verb" names one. Out: an answer, pulled line by line as fast as its reader
// reads. Handlers and answers run on the server's thread, which is none of the workers: what they
// want of a worker they post, or read from its counters; they never wait.
//
//     verbs.add("pause", [&pace](const nlohmann::json&) {
//       pace.pause();
//       return say({{"paused", true}});
//     });
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "millrace/result.h"

namespace millrace::control {

class Answer {
 public:
  enum class Step : uint8_t {
    kMore,  // there is more to come, at once
    kWait,  // there will be, later: ask again in a millisecond
    kDone,
  };

  virtual ~Answer() = default;
  // Appends whole lines, some 64 KiB at most, and returns soon: other readers wait meanwhile. An
  // error ends the answer, and the reader is told.
  virtual Result<Step> next(std::string& out) = 0;
};

using Handler = std::function<Result<std::unique_ptr<Answer>>(const nlohmann::json& request)>;

// An answer of one line.
[[nodiscard]] std::unique_ptr<Answer> say(const nlohmann::json& line);

class Verbs {
 public:
  // With the verbs "about", by which clients tell processes apart, and "stop", which is SIGTERM.
  Verbs(const std::string& command, const std::string& device);
  // Requires: the name is new.
  void add(const std::string& name, Handler handler);
  // nullptr: there is none.
  [[nodiscard]] const Handler* find(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::map<std::string, Handler> handlers_;
};

// What `line` asks for, answered. Errors: it is no JSON object with a verb that there is, or what
// the handler says.
[[nodiscard]] Result<std::unique_ptr<Answer>> ask(const Verbs& verbs, std::string_view line);

}  // namespace millrace::control
