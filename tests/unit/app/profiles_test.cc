// SPDX-License-Identifier: BSD-3-Clause
// The profiles in config/ are read by the commands that they are for, and say what they mean to.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "load/command.h"
#include "serve/command.h"
#include "unit/app/source_folder.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

const fs::path kProfiles = fs::path(MILLRACE_SOURCE_FOLDER) / "config";

// What `words --config profile --print-config` says, errors in front.
std::string in_force(std::vector<std::string> words, const fs::path& profile) {
  CLI::App root("", "millrace");
  root.require_subcommand(1);
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(serve::add_serve_command(root));
  for (auto& command : load::add_load_commands(root)) commands.push_back(std::move(command));
  words.insert(words.end(), {"--config", profile, "--print-config"});
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  run_commands(root, commands, words);
  const std::string errors = testing::internal::GetCapturedStderr();
  return errors + testing::internal::GetCapturedStdout();
}

TEST(Profiles, AreAllReadByServe) {
  size_t count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(kProfiles)) {
    if (entry.path().extension() != ".toml") continue;
    ++count;
    const std::string told = in_force({"serve"}, entry.path());
    EXPECT_TRUE(told.starts_with("[serve]\n")) << told;
    EXPECT_NE(told.find("\naddress = "), std::string::npos) << entry.path();
  }
  EXPECT_GE(count, 4u);
}

TEST(Profiles, GiveEachCommandItsOwn) {
  const fs::path memif = kProfiles / "memif.toml";
  const std::string server = in_force({"serve"}, memif);
  EXPECT_NE(server.find("device = \"memif:/tmp/millrace.sock,server\"\n"), std::string::npos);
  EXPECT_NE(server.find("http = 80\n"), std::string::npos);
  for (const std::string mode : {"cps", "rps"}) {
    const std::string client = in_force({"load", mode}, memif);
    EXPECT_NE(client.find("device = \"memif:/tmp/millrace.sock\"\n"), std::string::npos) << client;
    EXPECT_NE(client.find("target = \"10.99.0.1:80\"\n"), std::string::npos) << client;
  }
}

}  // namespace
}  // namespace millrace::cli
