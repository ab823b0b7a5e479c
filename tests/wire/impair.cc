// SPDX-License-Identifier: BSD-3-Clause
// A bad wire between two interfaces: loses, doubles, delays and spoils frames, by a seed.
//
//     impair FIRST SECOND [--seed N] [--loss P] [--burst N] [--double P] [--delay P]
//            [--delay-us N] [--spoil P] [--latency-us N] [--rate-mbps N] [--queue-frames N]
//            [--seconds N]
//
// In: frames that arrive at either interface. Out: the same at the other one, less what the wire
// does to them. P is a probability for each frame; losses come in bursts of N frames on average; a
// delayed frame waits --delay-us longer than the others, so those overtake it; a rate has a queue
// of its own in each direction, and loses what does not fit. Each direction draws from a stream of
// its own: what happens to its n-th frame depends on the seed alone, but for a burst, which ends
// when nothing comes for 5 ms, and for a rate's queue.
//
// Prints "ready" when frames pass, and at its end one line of JSON: what it did. It ends on SIGTERM
// or SIGINT, and by itself after --seconds, so that none is left of a test that died.

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr std::size_t kBurst = 64;
constexpr std::size_t kFrameMax = 2048;     // what is longer did not pass a wire
constexpr std::size_t kMacBytes = 12;       // never spoilt: the frame shall arrive somewhere
constexpr std::size_t kOverheadBytes = 24;  // preamble, check sequence and gap take time as well
constexpr microseconds kBurstPause{5000};   // no burst of losses outlasts such a silence
constexpr int kSocketBufferBytes = 32 << 20;

struct Settings {
  double seed = 1;
  double loss = 0;
  double burst = 1;
  double twice = 0;
  double delay = 0;
  double delay_us = 3000;
  double spoil = 0;
  double latency_us = 0;
  double rate_mbps = 0;
  double queue_frames = 1000;
  double seconds = 600;
};

struct Setting {
  std::string_view name;
  double Settings::*value;
  bool is_probability;
};

constexpr std::array kSettings = {
    Setting{"--seed", &Settings::seed, false},
    Setting{"--loss", &Settings::loss, true},
    Setting{"--burst", &Settings::burst, false},
    Setting{"--double", &Settings::twice, true},
    Setting{"--delay", &Settings::delay, true},
    Setting{"--delay-us", &Settings::delay_us, false},
    Setting{"--spoil", &Settings::spoil, true},
    Setting{"--latency-us", &Settings::latency_us, false},
    Setting{"--rate-mbps", &Settings::rate_mbps, false},
    Setting{"--queue-frames", &Settings::queue_frames, false},
    Setting{"--seconds", &Settings::seconds, false},
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "impair: %s%s%s\n", what, errno != 0 ? ": " : "",
               errno != 0 ? std::strerror(errno) : "");
  std::exit(1);
}

struct Counts {
  uint64_t in = 0;
  uint64_t out = 0;
  uint64_t lost = 0;
  uint64_t doubled = 0;
  uint64_t delayed = 0;
  uint64_t spoilt = 0;
  uint64_t queue_full = 0;  // of the rate's queue
  uint64_t refused = 0;     // by the interface, which had no room
  uint64_t oversize = 0;    // longer than a wire carries
  uint64_t missed = 0;      // by the receiving socket: this program was too slow
};

struct Frame {
  std::array<uint8_t, kFrameMax> bytes;
  std::size_t length;
};

struct Waiting {
  Clock::time_point due;
  uint64_t order;  // equal times keep their order
  std::size_t slot;
};

// The heap of <algorithm> has the greatest at its top; ours wants the earliest.
bool later(const Waiting& a, const Waiting& b) {
  return a.due != b.due ? a.due > b.due : a.order > b.order;
}

// One way across: from the socket of one interface to that of the other.
class Direction {
 public:
  Direction(const Direction&) = delete;  // it holds addresses of its own members
  Direction& operator=(const Direction&) = delete;

  Direction(const Settings& settings, int from, int to, uint64_t stream)
      : settings_(settings),
        from_(from),
        to_(to),
        numbers_(static_cast<uint64_t>(settings.seed) * 2 + stream) {
    for (std::size_t i = 0; i < kBurst; ++i) {
      vectors_[i] = {.iov_base = received_[i].bytes.data(), .iov_len = kFrameMax};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // A burst of what has arrived. Returns whether there may be more.
  bool receive() {
    const int count =
        ::recvmmsg(from_, messages_.data(), kBurst, MSG_DONTWAIT | MSG_TRUNC, nullptr);
    if (count < 0) {
      gone_ = errno == ENODEV;
      if (!gone_ && errno != EAGAIN && errno != EINTR && errno != ENETDOWN) fail("recvmmsg");
      return false;
    }
    const Clock::time_point now = Clock::now();
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      received_[i].length = messages_[i].msg_len;
      accept(received_[i], now);
    }
    flush();
    return static_cast<std::size_t>(count) == kBurst;
  }

  // Sends what is due.
  void release(Clock::time_point now) {
    while (!waiting_.empty() && waiting_.front().due <= now) {
      const std::size_t slot = waiting_.front().slot;
      std::pop_heap(waiting_.begin(), waiting_.end(), later);
      waiting_.pop_back();
      outgoing_.push_back(slot);
      if (outgoing_.size() == kBurst) flush();
    }
    flush();
  }

  Clock::time_point next_due() const {
    return waiting_.empty() ? Clock::time_point::max() : waiting_.front().due;
  }

  // Whether the interface that frames came from does not exist any more.
  bool gone() const { return gone_; }

  const Counts& counts() {
    tpacket_stats stats{};
    socklen_t length = sizeof stats;
    if (::getsockopt(from_, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0) {
      counts_.missed += stats.tp_drops;  // reading sets the kernel's figure to zero
    }
    return counts_;
  }

 private:
  double draw() { return std::uniform_real_distribution<double>(0, 1)(numbers_); }

  // Losses as a chain of two states, so that bursts have the mean length and the share is right.
  // A bad moment passes: who pauses and tries again shall not meet the same burst each time.
  bool loses(Clock::time_point now) {
    const double mean = std::max(1.0, settings_.burst);
    if (mean == 1) return draw() < settings_.loss;
    if (now - last_in_ > kBurstPause) in_burst_ = false;
    last_in_ = now;
    const double begin = settings_.loss / (mean * (1 - settings_.loss));
    in_burst_ = in_burst_ ? draw() >= 1 / mean : draw() < begin;
    return in_burst_;
  }

  void accept(const Frame& frame, Clock::time_point now) {
    ++counts_.in;
    // All of a frame's numbers are drawn in any case: one fault does not shift the others.
    const bool lost = loses(now);
    const bool twice = draw() < settings_.twice;
    const bool delayed = draw() < settings_.delay;
    const bool spoilt = draw() < settings_.spoil;
    const double where = draw();
    if (frame.length > kFrameMax) {
      ++counts_.oversize;
      return;
    }
    if (lost) {
      ++counts_.lost;
      return;
    }
    Clock::time_point due = now + microseconds(static_cast<int64_t>(settings_.latency_us));
    if (settings_.rate_mbps > 0) {
      const double bits = static_cast<double>(frame.length + kOverheadBytes) * 8;
      const nanoseconds time(static_cast<int64_t>(bits * 1000 / settings_.rate_mbps));
      line_free_ = std::max(line_free_, now);
      if (line_free_ - now > settings_.queue_frames * time) {
        ++counts_.queue_full;
        return;
      }
      line_free_ += time;
      due += line_free_ - now;
    }
    if (delayed) {
      ++counts_.delayed;
      due += microseconds(static_cast<int64_t>(settings_.delay_us));
    }
    const std::size_t slot = keep(frame);
    if (spoilt && frame.length > kMacBytes + 2) {
      ++counts_.spoilt;
      const double span = static_cast<double>(frame.length - kMacBytes - 2);
      frames_[slot].bytes[kMacBytes + 2 + static_cast<std::size_t>(where * span)] ^= 0x10;
    }
    send_at(due, slot, now);
    if (twice) {
      ++counts_.doubled;
      send_at(due, keep(frames_[slot]), now);
    }
  }

  void send_at(Clock::time_point due, std::size_t slot, Clock::time_point now) {
    if (due <= now) {
      outgoing_.push_back(slot);
      return;
    }
    waiting_.push_back({.due = due, .order = ++order_, .slot = slot});
    std::push_heap(waiting_.begin(), waiting_.end(), later);
  }

  std::size_t keep(const Frame& frame) {
    std::size_t slot = frames_.size();
    if (free_.empty()) {
      frames_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    std::memcpy(frames_[slot].bytes.data(), frame.bytes.data(), frame.length);
    frames_[slot].length = frame.length;
    return slot;
  }

  void flush() {
    std::size_t done = 0;
    while (done < outgoing_.size()) {
      std::array<iovec, kBurst> vectors;
      std::array<mmsghdr, kBurst> messages{};
      const std::size_t wanted = std::min(kBurst, outgoing_.size() - done);
      for (std::size_t i = 0; i < wanted; ++i) {
        Frame& frame = frames_[outgoing_[done + i]];
        vectors[i] = {.iov_base = frame.bytes.data(), .iov_len = frame.length};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
      }
      const int count =
          ::sendmmsg(to_, messages.data(), static_cast<unsigned>(wanted), MSG_DONTWAIT);
      if (count > 0) {
        counts_.out += static_cast<uint64_t>(count);
        done += static_cast<std::size_t>(count);
      } else {
        // A wire does not wait. An interface that is down or full loses what is sent to it.
        ++counts_.refused;
        ++done;
      }
    }
    free_.insert(free_.end(), outgoing_.begin(), outgoing_.end());
    outgoing_.clear();
  }

  const Settings& settings_;
  int from_;
  int to_;
  std::mt19937_64 numbers_;
  bool in_burst_ = false;
  Clock::time_point last_in_{};
  bool gone_ = false;
  Clock::time_point line_free_{};
  uint64_t order_ = 0;
  Counts counts_;

  std::array<Frame, kBurst> received_;
  std::array<iovec, kBurst> vectors_{};
  std::array<mmsghdr, kBurst> messages_{};
  std::deque<Frame> frames_;  // slots of what waits or goes out; they stay where they are
  std::vector<std::size_t> free_;
  std::vector<std::size_t> outgoing_;
  std::vector<Waiting> waiting_;
};

Settings parse(int argc, char** argv) {
  Settings settings;
  errno = 0;
  if (argc < 3 || argc % 2 == 0) fail("usage: impair FIRST SECOND [--SETTING VALUE]...");
  for (int i = 3; i + 1 < argc; i += 2) {
    const auto found = std::find_if(kSettings.begin(), kSettings.end(),
                                    [&](const Setting& s) { return s.name == argv[i]; });
    if (found == kSettings.end()) fail("there is no such setting");
    char* end = nullptr;
    const double value = std::strtod(argv[i + 1], &end);
    const bool fits = value >= 0 && (!found->is_probability || value <= 1);
    if (*argv[i + 1] == '\0' || *end != '\0' || !fits) fail("that is no value of the setting");
    settings.*(found->value) = value;
  }
  return settings;
}

// A raw socket that sees what arrives at the interface, and not what is sent out of it.
int open_interface(const char* name) {
  const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int on = 1;
  if (::setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0) {
    fail("PACKET_IGNORE_OUTGOING");
  }
  // Neither of these two must succeed: they make it faster.
  (void)::setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBufferBytes,
                     sizeof kSocketBufferBytes);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(name));
  if (address.sll_ifindex == 0) fail(name);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("bind");
  return fd;
}

int open_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) fail("sigprocmask");
  const int fd = ::signalfd(-1, &set, SFD_CLOEXEC);
  if (fd < 0) fail("signalfd");
  return fd;
}

void print(const char* name, const Counts& c, const char* behind) {
  std::printf(
      "\"%s\": {\"in\": %lu, \"out\": %lu, \"lost\": %lu, \"doubled\": %lu, \"delayed\": %lu, "
      "\"spoilt\": %lu, \"queue_full\": %lu, \"refused\": %lu, \"oversize\": %lu, "
      "\"missed\": %lu}%s",
      name, c.in, c.out, c.lost, c.doubled, c.delayed, c.spoilt, c.queue_full, c.refused,
      c.oversize, c.missed, behind);
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  const int stop = open_signals();
  const std::array<int, 2> ends = {open_interface(argv[1]), open_interface(argv[2])};
  std::array<Direction, 2> directions{Direction(settings, ends[0], ends[1], 0),
                                      Direction(settings, ends[1], ends[0], 1)};
  const Clock::time_point end =
      Clock::now() + std::chrono::milliseconds(static_cast<int64_t>(settings.seconds * 1000));
  std::puts("ready");
  std::fflush(stdout);

  std::array<pollfd, 3> watched = {pollfd{ends[0], POLLIN, 0}, pollfd{ends[1], POLLIN, 0},
                                   pollfd{stop, POLLIN, 0}};
  while ((watched[2].revents & POLLIN) == 0 && Clock::now() < end) {
    bool more = false;
    for (std::size_t i = 0; i < directions.size(); ++i) {
      if (directions[i].gone()) continue;
      more |= directions[i].receive();
      directions[i].release(Clock::now());
      if (directions[i].gone()) watched[i].fd = -1;
    }
    const Clock::time_point due =
        std::min({directions[0].next_due(), directions[1].next_due(), end});
    const auto left = more ? nanoseconds(0) : std::max(nanoseconds(0), due - Clock::now());
    const timespec timeout{.tv_sec = left.count() / 1'000'000'000,
                           .tv_nsec = left.count() % 1'000'000'000};
    if (::ppoll(watched.data(), watched.size(), &timeout, nullptr) < 0 && errno != EINTR) {
      fail("ppoll");
    }
  }
  std::printf("{");
  print("first_to_second", directions[0].counts(), ", ");
  print("second_to_first", directions[1].counts(), "}\n");
  return 0;
}
