// SPDX-License-Identifier: Apache-2.0
#include "engine/yaml_document.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/error.h"

namespace crunlite::engine {
namespace {

std::string place(const std::string& name, const YAML::Mark& mark) {
  return cat(name, ':', mark.line + 1, ':', mark.column + 1, ": ");
}

std::string_view kind_name(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map:
      return "a mapping";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Scalar:
      return "a single value";
    default:
      return "nothing";
  }
}

}  // namespace

YamlDocument::YamlDocument(std::string_view text, std::string name) : name_(std::move(name)) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) {
      throw Error(ErrorKind::kConfig, place(name_, documents[1].Mark()),
                  "a second document (---) in a file that holds one");
    }
    root_ = std::make_unique<YAML::Node>(documents.empty() ? YAML::Node() : documents[0]);
  } catch (const YAML::Exception& error) {
    throw Error(ErrorKind::kConfig, place(name_, error.mark), "not YAML: ", error.msg);
  }
}

YamlDocument::~YamlDocument() = default;

YamlNode YamlDocument::root() {
  return YamlNode(*this, *root_, "");
}

void YamlDocument::throw_problems() const {
  if (!problems_.empty()) throw Error(ErrorKind::kConfig, join(problems_, "\n"));
}

YamlNode::YamlNode(YamlDocument& document, const YAML::Node& node, std::string path)
    : document_(&document), node_(std::make_unique<YAML::Node>(node)), path_(std::move(path)) {}
YamlNode::~YamlNode() = default;
YamlNode::YamlNode(const YamlNode& other)
    : document_(other.document_), node_(std::make_unique<YAML::Node>(*other.node_)), path_(other.path_) {}

void YamlNode::problem(std::string_view what) const {
  const std::string subject =
      cat(place(document_->name_, node_->Mark()), path_.empty() ? std::string() : path_ + ": ");
  // One for each value: a list where a size should be is no bad size as well.
  std::vector<std::string>& problems = document_->problems_;
  if (problems.empty() || !problems.back().starts_with(subject)) problems.push_back(cat(subject, what));
}

bool YamlNode::is_null() const {
  return node_->IsNull();
}

std::string YamlNode::text() const {
  if (!node_->IsScalar()) {
    problem(cat("expected a single value, found ", kind_name(*node_)));
    return {};
  }
  return node_->Scalar();
}

bool YamlNode::boolean() const {
  // YAML 1.1's "yes" and "on" have surprised too many people; 1.2 knows only these two.
  if (node_->IsScalar() && (node_->Scalar() == "true" || node_->Scalar() == "false")) {
    return node_->Scalar() == "true";
  }
  problem(node_->IsScalar() ? cat("expected true or false, found ", quote(node_->Scalar()))
                            : cat("expected true or false, found ", kind_name(*node_)));
  return false;
}

std::vector<YamlNode> YamlNode::items() const {
  std::vector<YamlNode> out;
  if (node_->IsNull()) return out;
  if (!node_->IsSequence()) {
    problem(cat("expected a list, found ", kind_name(*node_)));
    return out;
  }
  size_t index = 0;
  for (const YAML::Node& item : *node_) {
    out.emplace_back(*document_, item, cat(path_, '[', index++, ']'));
  }
  return out;
}

std::vector<YamlNode::Member> YamlNode::members() const {
  std::vector<Member> out;
  if (node_->IsNull()) return out;
  if (!node_->IsMap()) {
    problem(cat("expected a mapping, found ", kind_name(*node_)));
    return out;
  }
  for (const auto& entry : *node_) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
    const std::string path = path_.empty() ? key : cat(path_, '.', key);
    const YamlNode key_node(*document_, entry.first, path_);
    if (!entry.first.IsScalar()) {
      key_node.problem("a key must be a single value");
    } else if (std::any_of(out.begin(), out.end(), [&](const Member& m) { return m.key == key; })) {
      key_node.problem(cat("the key ", quote(key), " stands twice"));
    } else {
      out.push_back({key, key_node, YamlNode(*document_, entry.second, path)});
    }
  }
  return out;
}

}  // namespace crunlite::engine
