// SPDX-License-Identifier: BSD-3-Clause
#include "inspect/ss_verb.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "inspect/ss_filter.h"
#include "inspect/ss_text.h"

namespace millrace::inspect {
namespace {

class SsAnswer final : public control::Answer {
 public:
  struct Form {
    SsColumns columns;
    bool json = false;
  };

  SsAnswer(std::vector<Engine*> engines, const ListRequest& request, const Form& form)
      : engines_(std::move(engines)), request_(request), form_(form) {}

  Result<Step> next(std::string& out) override {
    if (begins_ && !form_.json && !request_.counts_only) out += ss_header();
    begins_ = false;
    if (listing_ == nullptr) {
      if (engine_ == engines_.size()) return finish(out);
      auto listing = engines_[engine_]->list(request_);
      if (!listing) return listing.error();
      listing_ = std::move(*listing);
    }
    size_t shard = 0;
    const size_t count = listing_->take(some_, shard);
    for (size_t i = 0; i < count; ++i) {
      if (form_.json) {
        append_ss_json(out, some_[i], first_shard_ + shard);
      } else {
        append_ss_text(out, some_[i], first_shard_ + shard, form_.columns);
      }
    }
    if (!listing_->over()) return count == 0 ? Step::kWait : Step::kMore;
    if (!listing_->complete()) return Error{"a worker ended while it was listed; ask again"};
    const auto counts = listing_->counts();
    for (size_t i = 0; i < kStateCount; ++i) counts_[i] += counts[i];
    listing_.reset();
    first_shard_ += engines_[engine_++]->shard_count();
    return Step::kMore;
  }

 private:
  Step finish(std::string& out) const {
    if (request_.counts_only)
      out += form_.json ? ss_summary_json(counts_) : ss_summary_text(counts_);
    return Step::kDone;
  }

  std::vector<Engine*> engines_;
  ListRequest request_;
  Form form_;
  bool begins_ = true;
  size_t engine_ = 0;  // the one that is listed
  size_t first_shard_ = 0;
  std::unique_ptr<EngineListing> listing_;
  StateCounts counts_{};
  std::array<Listed, 64> some_;
};

Result<std::vector<std::string>> words_of(const nlohmann::json& request) {
  std::vector<std::string> words;
  if (!request.contains("filter")) return words;
  const nlohmann::json& filter = request["filter"];
  if (!filter.is_array()) return Error{"filter is a list of words"};
  for (const nlohmann::json& word : filter) {
    if (!word.is_string()) return Error{"filter is a list of words"};
    words.push_back(word);
  }
  return words;
}

}  // namespace

void add_ss_verb(control::Verbs& verbs, std::vector<Engine*> engines) {
  verbs.add("ss",
            [engines](const nlohmann::json& request) -> Result<std::unique_ptr<control::Answer>> {
              const auto has = [&request](const char* name) {
                return request.contains(name) && request[name] == true;
              };
              const Result<std::vector<std::string>> words = words_of(request);
              if (!words) return words.error();
              const bool summary = has("summary");
              const uint32_t states = has("all") || summary ? ListFilter::kAllStates
                                      : has("listening")    ? ListFilter::bit(State::kListen)
                                                            : kUsualStates;
              const Result<ListFilter> filter = parse_ss_filter(*words, states);
              if (!filter) return filter.error();
              std::unique_ptr<control::Answer> answer = std::make_unique<SsAnswer>(
                  engines, ListRequest{*filter, summary},
                  SsAnswer::Form{{has("info"), has("memory"), has("timers")}, has("json")});
              return answer;
            });
}

}  // namespace millrace::inspect
