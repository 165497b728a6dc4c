// SPDX-License-Identifier: Apache-2.0
// A program for tests/kernel/test_net.py: runs attach and detach as an engine would. Not installed.
//   net-driver STATE_DIR attach ID [-p SPEC]... [-4]   connects, prints JSON, serves until its input ends
//   net-driver STATE_DIR detach ID                     from the record alone
//   net-driver STATE_DIR repair
//   net-driver STATE_DIR time COUNT [-p SPEC]...       microseconds of attach and detach
// Environment: NET_SUBNET4 replaces the IPv4 candidates; NET_SUBNET6 likewise ("": no IPv6).
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "base/sys.h"
#include "net/attachment.h"
#include "net/loopback_forwarder.h"

namespace {

using namespace crunlite;

void print(const std::string& line) {
  (void)sys::write_all(STDOUT_FILENO, cat(line, '\n'));
}

net::NetworkConfig configure(const std::string& state_dir) {
  net::NetworkConfig config;
  config.state_dir = state_dir;
  if (const char* subnet = ::getenv("NET_SUBNET4")) config.ipv4_subnets = {subnet};
  if (const char* subnet = ::getenv("NET_SUBNET6"))
    config.ipv6_subnets = *subnet ? std::vector<std::string>{subnet} : std::vector<std::string>{};
  return config;
}

net::AttachRequest read_request(const std::string& id, const std::vector<std::string>& arguments) {
  net::AttachRequest request{.container_id = id, .ports = {}};
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "-4") request.ipv6 = false;
    if (arguments[i] != "-p" || i + 1 >= arguments.size()) continue;
    for (const net::PortMapping& mapping : net::parse_publish(arguments[++i]))
      request.ports.push_back(mapping);
  }
  return request;
}

std::string describe(const net::NetAttachment& attachment) {
  const auto texts = [](const std::vector<net::Address>& addresses) {
    json::Array array;
    for (const net::Address& address : addresses) array.emplace_back(address.to_string());
    return array;
  };
  json::Array warnings;
  for (const std::string& warning : attachment.warnings()) warnings.emplace_back(warning);
  return json::dump(json::Object{{"netns", attachment.netns_path()},
                                 {"addresses", texts(attachment.addresses())},
                                 {"gateways", texts(attachment.gateways())},
                                 {"ports", net::describe_ports(attachment.ports())},
                                 {"warnings", std::move(warnings)}});
}

// As the monitor does: forwards until standard input ends.
void serve(net::NetAttachment& attachment) {
  net::LoopbackForwarder forwarder(attachment.take_reservations(), attachment.addresses());
  for (;;) {
    pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {forwarder.fd(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents) forwarder.serve();
    char byte = 0;
    if (fds[0].revents && ::read(STDIN_FILENO, &byte, 1) <= 0) return;
  }
}

int run_detach(const net::NetworkConfig& config, const std::string& id) {
  const std::vector<std::string> problems = net::detach(config, id);
  for (const std::string& problem : problems) print(problem);
  return problems.empty() ? 0 : 1;
}

void measure(const net::NetworkConfig& config, int count, const std::vector<std::string>& arguments) {
  using Clock = std::chrono::steady_clock;
  const auto micros = [](Clock::duration d) {
    return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  };
  std::vector<int64_t> up;
  std::vector<int64_t> down;
  for (int i = 0; i < count; ++i) {
    const net::AttachRequest request = read_request(cat("time", i), arguments);
    const auto start = Clock::now();
    auto attachment = std::make_unique<net::NetAttachment>(net::attach(config, request));
    up.push_back(micros(Clock::now() - start));
    const auto end = Clock::now();
    attachment.reset();
    down.push_back(micros(Clock::now() - end));
  }
  std::sort(up.begin(), up.end());
  std::sort(down.begin(), down.end());
  print(cat("attach median ", up[up.size() / 2], " min ", up.front(), " us; detach median ",
            down[down.size() / 2], " min ", down.front(), " us"));
}

int run(const std::vector<std::string>& words) {
  const net::NetworkConfig config = configure(words[0]);
  const std::string& verb = words[1];
  if (verb == "repair") {
    net::repair(config);
    return 0;
  }
  if (words.size() < 3) return 2;
  const std::vector<std::string> rest(words.begin() + 3, words.end());
  if (verb == "detach") return run_detach(config, words[2]);
  if (verb == "time") {
    measure(config, std::stoi(words[2]), rest);
    return 0;
  }
  net::NetAttachment attachment = net::attach(config, read_request(words[2], rest));
  print(describe(attachment));
  serve(attachment);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    print(error.what());
    return 1;
  }
}
