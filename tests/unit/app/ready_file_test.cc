// SPDX-License-Identifier: BSD-3-Clause
#include "serve/ready_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
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

TEST_F(ReadyFileTest, RemovesOneWhoseProcessIsGone) {
  const pid_t gone = fork();
  if (gone == 0) _exit(0);
  waitpid(gone, nullptr, 0);
  std::ofstream(path()) << gone << "\n";
  EXPECT_TRUE(ReadyFile::prepare(path()).ok());
  EXPECT_EQ(files(), 0u) << "nobody shall take it for the new one";
}

TEST_F(ReadyFileTest, LeavesOneWhoseProcessRuns) {
  std::ofstream(path()) << getppid() << "\n";
  const Result<void> prepared = ReadyFile::prepare(path());
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.error().message,
            "--ready-file \"" + path() + "\" is that of process " + std::to_string(getppid()) +
                ", which runs; name another file, or remove it if that is no millrace");
  EXPECT_EQ(files(), 1u);
}

TEST_F(ReadyFileTest, LeavesWhatIsNoneOfOurs) {
  for (const std::string content : {"", "precious", "12 monkeys\n", "-1\n", "12\n13\n"}) {
    std::ofstream(path()) << content;
    EXPECT_FALSE(ReadyFile::prepare(path()).ok()) << content;
    std::string kept;
    std::getline(std::ifstream(path()), kept, '\0');
    EXPECT_EQ(kept, content);
  }
  fs::remove(path());
  fs::create_directory(path());
  EXPECT_FALSE(ReadyFile::prepare(path()).ok());
  {
    ReadyFile file;
    EXPECT_FALSE(file.write(path()).ok());
  }
  EXPECT_TRUE(fs::is_directory(path()));
  EXPECT_EQ(files(), 1u);
}

TEST_F(ReadyFileTest, NoPathIsNoFile) {
  EXPECT_TRUE(ReadyFile::prepare("").ok());
  ReadyFile file;
  EXPECT_TRUE(file.write("").ok());
}

}  // namespace
}  // namespace millrace::serve
