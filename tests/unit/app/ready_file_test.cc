// SPDX-License-Identifier: BSD-3-Clause
#include "serve/ready_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace millrace::serve {
namespace {

namespace fs = std::filesystem;

class ReadyFileTest : public testing::Test {
 protected:
  ReadyFileTest() : folder_(testing::TempDir() + "millrace-ready-" + std::to_string(getpid())) {
    fs::create_directory(folder_);
  }
  ~ReadyFileTest() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return folder_ / "ready"; }
  [[nodiscard]] size_t files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(ReadyFileTest, HoldsTheProcessIdAndGoesWithItsObject) {
  {
    ReadyFile file;
    ASSERT_TRUE(file.write(path()).ok());
    std::ifstream in(path());
    int pid = 0;
    in >> pid;
    EXPECT_EQ(pid, getpid());
    EXPECT_EQ(files(), 1u);
  }
  EXPECT_EQ(files(), 0u);
}

TEST_F(ReadyFileTest, ReplacesOneThatWasLeftBehind) {
  std::ofstream(path()) << "1\n";
  EXPECT_TRUE(ReadyFile::check(path()).ok());
  ReadyFile file;
  ASSERT_TRUE(file.write(path()).ok());
  int pid = 0;
  std::ifstream(path()) >> pid;
  EXPECT_EQ(pid, getpid());
}

TEST_F(ReadyFileTest, ReplacesNothingElse) {
  fs::create_directory(path());
  EXPECT_FALSE(ReadyFile::check(path()).ok());
  {
    ReadyFile file;
    EXPECT_FALSE(file.write(path()).ok());
  }
  EXPECT_TRUE(fs::is_directory(path()));
  EXPECT_EQ(files(), 1u);
}

TEST_F(ReadyFileTest, NoPathIsNoFile) {
  EXPECT_TRUE(ReadyFile::check("").ok());
  ReadyFile file;
  EXPECT_TRUE(file.write("").ok());
}

}  // namespace
}  // namespace millrace::serve
