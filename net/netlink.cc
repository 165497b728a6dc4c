// SPDX-License-Identifier: Apache-2.0
#include "net/netlink.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/sys.h"

namespace crunlite::net {
namespace {

constexpr size_t kDefaultSendBuffer = 212992;  // net.core.wmem_default

}  // namespace

Message::Message(std::string what, uint16_t type, uint16_t flags) : what_(std::move(what)) {
  data_.reserve(512);
  data_.resize(NLMSG_HDRLEN);
  head()->nlmsg_type = type;
  head()->nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
}

void Message::pad() {
  data_.resize(NLMSG_ALIGN(data_.size()));
}

Message& Message::raw(Bytes bytes) {
  data_.insert(data_.end(), bytes.begin(), bytes.end());
  pad();
  return *this;
}

Message& Message::put(uint16_t attribute, Bytes value) {
  const nlattr header{static_cast<uint16_t>(NLA_HDRLEN + value.size()), attribute};
  raw(bytes_of(header));
  return raw(value);
}

Message& Message::put_be16(uint16_t attribute, uint16_t value) {
  return put_u16(attribute, htons(value));
}

Message& Message::put_be32(uint16_t attribute, uint32_t value) {
  return put_u32(attribute, htonl(value));
}

Message& Message::put_string(uint16_t attribute, std::string_view value) {
  const std::string terminated(value);
  return put(attribute, {reinterpret_cast<const uint8_t*>(terminated.c_str()), terminated.size() + 1});
}

Message& Message::nest(uint16_t attribute, const std::function<void(Message&)>& body) {
  const size_t start = data_.size();
  put(static_cast<uint16_t>(attribute | NLA_F_NESTED), {});
  body(*this);
  const auto length = static_cast<uint16_t>(data_.size() - start);
  std::memcpy(data_.data() + start, &length, sizeof length);  // nla_len stands first
  return *this;
}

void Message::set_sequence(uint32_t sequence) {
  head()->nlmsg_seq = sequence;
}

void Message::add_flags(uint16_t flags) {
  head()->nlmsg_flags = static_cast<uint16_t>(head()->nlmsg_flags | flags);
}

Bytes Message::finish() {
  head()->nlmsg_len = static_cast<uint32_t>(data_.size());
  return data_;
}

void Attributes::each(const std::function<void(uint16_t, Bytes)>& visit) const {
  Bytes rest = data_;
  while (rest.size() >= NLA_HDRLEN) {
    nlattr header{};
    std::memcpy(&header, rest.data(), sizeof header);
    if (header.nla_len < NLA_HDRLEN || header.nla_len > rest.size()) return;
    visit(header.nla_type & NLA_TYPE_MASK, rest.subspan(NLA_HDRLEN, header.nla_len - size_t{NLA_HDRLEN}));
    rest = rest.subspan(std::min<size_t>(NLA_ALIGN(header.nla_len), rest.size()));
  }
}

std::optional<Bytes> Attributes::find(uint16_t attribute) const {
  std::optional<Bytes> found;
  each([&](uint16_t type, Bytes value) {
    if (type == attribute && !found) found = value;
  });
  return found;
}

Attributes Attributes::nested(uint16_t attribute) const {
  return Attributes(find(attribute).value_or(Bytes{}));
}

std::optional<uint32_t> Attributes::u32(uint16_t attribute) const {
  const auto value = find(attribute);
  uint32_t number = 0;
  if (!value || value->size() != sizeof number) return std::nullopt;
  std::memcpy(&number, value->data(), sizeof number);
  return number;
}

std::string Attributes::string(uint16_t attribute) const {
  const Bytes value = find(attribute).value_or(Bytes{});
  return {value.begin(), std::find(value.begin(), value.end(), uint8_t{0})};
}

Netlink Netlink::open(int protocol) {
  UniqueFd socket = check(sys::socket(AF_NETLINK, SOCK_RAW, protocol), "open a netlink socket");
  const int on = 1;
  // The kernel's own sentence about an error, and no copy of our request in front of it.
  (void)::setsockopt(socket.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  (void)::setsockopt(socket.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  return Netlink(std::move(socket));
}

uint32_t Netlink::send(std::vector<Message>& messages) {
  const uint32_t first = next_sequence_;
  std::vector<uint8_t> packet;
  for (Message& message : messages) {
    message.set_sequence(next_sequence_++);
    const Bytes bytes = message.finish();
    packet.insert(packet.end(), bytes.begin(), bytes.end());
  }
  // A batch is one packet: thousands of published ports do not fit into the default buffer (EMSGSIZE).
  const int size = static_cast<int>(2 * packet.size());
  if (packet.size() > kDefaultSendBuffer / 2)
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  const sockaddr_nl kernel{.nl_family = AF_NETLINK};
  iovec vector{packet.data(), packet.size()};
  msghdr header{};
  header.msg_name = const_cast<sockaddr_nl*>(&kernel);
  header.msg_namelen = sizeof kernel;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (::sendmsg(socket_.get(), &header, 0) < 0) throw SysError(errno, messages.front().what(), ": send");
  return first;
}

size_t Netlink::receive(bool wait, std::string_view what) {
  ssize_t size = 0;
  do {
    size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), wait ? 0 : MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return 0;
  if (size < 0) throw SysError(errno, what, ": receive");
  return static_cast<size_t>(size);
}

namespace {

// Calls visit(header, payload) for each message of a datagram until it returns false.
template <class Visit>
bool each_message(Bytes datagram, Visit visit) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > datagram.size()) break;
    if (!visit(header, datagram.subspan(NLMSG_HDRLEN, header.nlmsg_len - size_t{NLMSG_HDRLEN}))) return false;
    datagram = datagram.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
  }
  return true;
}

int error_of(Bytes payload) {
  int error = 0;
  if (payload.size() >= sizeof error) std::memcpy(&error, payload.data(), sizeof error);
  return -error;
}

std::string explanation_of(const nlmsghdr& header, Bytes payload) {
  if (!(header.nlmsg_flags & NLM_F_ACK_TLVS) || payload.size() < sizeof(nlmsgerr)) return {};
  return Attributes(payload.subspan(sizeof(nlmsgerr))).string(NLMSGERR_ATTR_MSG);
}

}  // namespace

// The kernel answers requests inside sendmsg, so that everything there is to read is there already.
std::vector<Netlink::Failure> Netlink::collect() {
  std::vector<Failure> answers;
  while (const size_t size = receive(false, "netlink")) {
    each_message({buffer_.data(), size}, [&](const nlmsghdr& header, Bytes payload) {
      if (header.nlmsg_type == NLMSG_ERROR)
        answers.push_back({header.nlmsg_seq, error_of(payload), explanation_of(header, payload)});
      return true;
    });
  }
  return answers;
}

void Netlink::transact(std::vector<Message> messages) {
  if (messages.empty()) return;
  messages.back().add_flags(NLM_F_ACK);
  const uint32_t first = send(messages);
  const std::vector<Failure> answers = collect();
  if (answers.empty()) throw SysError(EPROTO, messages.back().what(), ": no answer from the kernel");
  for (const Failure& answer : answers) {
    if (answer.error == 0) continue;
    const size_t index = std::min<size_t>(answer.sequence - first, messages.size() - 1);
    const std::string& what = messages[index].what();
    if (answer.explanation.empty()) throw SysError(answer.error, what);
    throw SysError(answer.error, what, ": ", answer.explanation);
  }
}

std::vector<int> Netlink::attempt(std::vector<Message> messages) {
  std::vector<int> errors(messages.size(), 0);
  if (messages.empty()) return errors;
  messages.back().add_flags(NLM_F_ACK);
  const uint32_t first = send(messages);
  for (const Failure& answer : collect())
    if (answer.sequence - first < errors.size()) errors[answer.sequence - first] = answer.error;
  return errors;
}

void Netlink::dump(Message request, const std::function<void(const Reply&)>& visit) {
  request.add_flags(NLM_F_DUMP);
  const std::string what = request.what();
  std::vector<Message> one;
  one.push_back(std::move(request));
  send(one);
  bool more = true;
  while (more) {
    const size_t size = receive(true, what);
    more = each_message({buffer_.data(), size}, [&](const nlmsghdr& header, Bytes payload) {
      if (header.nlmsg_type == NLMSG_DONE) return false;
      if (header.nlmsg_type == NLMSG_ERROR) throw SysError(error_of(payload), what);
      visit({header.nlmsg_type, payload});
      return true;
    });
  }
}

}  // namespace crunlite::net
