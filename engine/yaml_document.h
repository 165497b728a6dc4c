// SPDX-License-Identifier: Apache-2.0
// One YAML file that a person wrote, read with the place of everything in it: every complaint says
// FILE:LINE:COLUMN, and all of them are collected. yaml-cpp stays behind this file. Not for JSON, and not for
// documents of strangers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace YAML {
class Node;
}

namespace crunlite::engine {

class YamlNode;

class YamlDocument {
 public:
  // `name` is what the file is called in messages. Throws Error(kConfig) when the text is not YAML.
  YamlDocument(std::string_view text, std::string name);
  ~YamlDocument();
  YamlDocument(const YamlDocument&) = delete;
  YamlDocument& operator=(const YamlDocument&) = delete;

  YamlNode root();
  // Throws one Error(kConfig) with a line for each problem, if there are any.
  void throw_problems() const;

 private:
  friend class YamlNode;
  std::string name_;
  std::unique_ptr<YAML::Node> root_;
  std::vector<std::string> problems_;
};

// A value somewhere in the document. Reading one of the wrong kind records a problem and gives an empty
// value.
class YamlNode {
 public:
  YamlNode(YamlDocument& document, const YAML::Node& node, std::string path);
  ~YamlNode();
  YamlNode(const YamlNode& other);
  YamlNode& operator=(const YamlNode&) = delete;

  // "run.cap-add": how messages call it.
  const std::string& path() const { return path_; }
  bool is_null() const;
  std::string text() const;  // a scalar
  bool boolean() const;      // true or false
  std::vector<YamlNode> items() const;
  void problem(std::string_view what) const;

  struct Member;
  // The members of a mapping, in the file's order; a key that stands twice is a problem.
  std::vector<Member> members() const;

 private:
  YamlDocument* document_;
  std::unique_ptr<YAML::Node> node_;
  std::string path_;
};

struct YamlNode::Member {
  std::string key;
  YamlNode key_node;
  YamlNode value;
};

}  // namespace crunlite::engine
