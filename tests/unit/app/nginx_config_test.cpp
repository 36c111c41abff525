#include "app/nginx_config.h"

#include <random>

#include "app/nginx_rules.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/temporary_folder.h"

using userbin::app::check_nginx_config;
using userbin::app::is_nginx_dump;
using userbin::app::NginxDirective;
using userbin::app::NginxLimits;
using userbin::app::NginxSyntaxError;
using userbin::app::parse_nginx_config;
using userbin::test::TemporaryFolder;
using userbin::test::write_file;

namespace {

using Words = std::vector<std::string>;

std::vector<NginxDirective> parse(const std::string& text) {
  return parse_nginx_config(text, "/etc/nginx/nginx.conf");
}

std::string error_of(const std::string& text, const NginxLimits& limits = {}) {
  try {
    parse_nginx_config(text, "/etc/nginx/nginx.conf", limits);
  } catch (const NginxSyntaxError& error) {
    return error.what();
  }
  return "none";
}

std::string file(const std::string& path, const std::string& text) {
  return "# configuration file " + path + ":\n" + text + "\n";
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("words are split as nginx splits them") {
  const auto [text, words] = GENERATE(table<std::string, Words>({
      {"a b;", {"a", "b"}},
      {"a\tb\r\n c ;", {"a", "b", "c"}},
      {"a 'b c' \"d;{}#\";", {"a", "b c", "d;{}#"}},
      {R"(a "b\"c" 'd\'e' f\;g;)", {"a", "b\"c", "d'e", R"(f\;g)"}},
      {R"(a "x\ny\tz\\" '\d';)", {"a", "x\ny\tz\\", R"(\d)"}},
      {"a '' b;", {"a", "", "b"}},
      {"a b#c; # d;", {"a", "b#c"}},
      {"# a b;\na c;", {"a", "c"}},
      {"a ${b}c $d;", {"a", "${b}c", "$d"}},
      {"a b}c;", {"a", "b}c"}},
      {R"(a b"c;)", {"a", "b\"c"}},
      {"rewrite ^/a/(.*)$ /b/$1 last;", {"rewrite", "^/a/(.*)$", "/b/$1", "last"}},
  }));
  CAPTURE(text);
  const auto directives = parse(text);
  REQUIRE(directives.size() == 1);
  Words found{directives[0].name};
  found.insert(found.end(), directives[0].arguments.begin(), directives[0].arguments.end());
  CHECK(found == words);
}

TEST_CASE("blocks nest, and each directive knows its line") {
  const auto directives =
      parse("user x;\nhttp {\n  # server {\n  server {\n    listen\n 80;\n }\n}");
  REQUIRE(directives.size() == 2);
  CHECK(directives[1].name == "http");
  CHECK(directives[1].has_block);
  REQUIRE(directives[1].block.size() == 1);
  const NginxDirective& server = directives[1].block[0];
  CHECK(server.line == 4);
  REQUIRE(server.block.size() == 1);
  CHECK(server.block[0].line == 5);
  CHECK(server.block[0].argument(0) == "80");
  CHECK(server.block[0].argument(7).empty());
  CHECK(server.block[0].file == "/etc/nginx/nginx.conf");
}

TEST_CASE("a block of Lua is passed over") {
  const auto directives = parse(
      "location / { content_by_lua_block { local t = {a = '}'} -- } it's\n if x then "
      "ngx.say(\"{\") "
      "end } }\nuser y;");
  REQUIRE(directives.size() == 2);
  REQUIRE(directives[0].block.size() == 1);
  CHECK(directives[0].block[0].block.empty());
  CHECK(directives[1].line == 3);
}

TEST_CASE("what is no configuration is an error with file and line") {
  const auto [text, error] = GENERATE(table<std::string, std::string>({
      {"a;\nb", ":2: the file ends where a ';' or '{' is missing"},
      {"a {\n b;\n", ":3: the file ends where a '}' is missing"},
      {"a;\n}", ":2: unexpected '}'"},
      {";", ":1: unexpected ';'"},
      {"\n{", ":2: unexpected '{'"},
      {"a b }", ":1: unexpected '}'"},
      {"a\n'b\n", ":2: a quoted word has no end"},
      {"a 'b'c;", ":1: there is something directly behind a quoted word"},
      {"a b\\", ":1: the text ends within a word"},
      {"a_by_lua_block {\n {", ":1: a block has no end"},
      {"include a b;", ":1: 'include' takes one name"},
      {"\ninclude /no/such/file;", ":2: /no/such/file is included here, but it cannot be read"},
  }));
  CAPTURE(text);
  CHECK(error_of(text) == "/etc/nginx/nginx.conf" + error);
}

TEST_CASE("in what 'nginx -T' prints, includes are found in the output itself") {
  const std::string dump =
      "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n" +
      file("/etc/nginx/nginx.conf", "http {\n include sites/*;\n include none/*.conf;\n}\n") +
      file("/etc/nginx/sites/b", "server {\n include /opt/x.conf;\n}") +
      file("/opt/x.conf", "listen 1;\n\nlisten 2;") +
      file("/etc/nginx/sites/a", "server { listen 3; }") +
      file("/etc/nginx/sites/.hidden", "server { }") +
      file("/etc/nginx/sites/deeper/c", "server { }");
  REQUIRE(is_nginx_dump(dump));
  const auto directives = parse_nginx_config(dump, "standard input");
  REQUIRE(directives.size() == 1);
  const auto& servers = directives[0].block;
  REQUIRE(servers.size() == 2);
  CHECK(servers[0].file == "/etc/nginx/sites/a");
  REQUIRE(servers[1].block.size() == 2);
  CHECK(servers[1].block[1].file == "/opt/x.conf");
  CHECK(servers[1].block[1].line == 3);
  CHECK(servers[1].block[1].argument(0) == "2");
}

TEST_CASE("a file's includes are read from disk, from its folder") {
  const TemporaryFolder folder;
  write_file(folder.file("one.conf"), "listen 1;");
  write_file(folder.file("two.conf"), "\nlisten 2;");
  const std::string text = "server {\n include *.conf;\n include one.conf;\n}";
  CHECK_FALSE(is_nginx_dump(text));
  const auto directives = parse_nginx_config(text, folder.file("nginx"));
  REQUIRE(directives.size() == 1);
  REQUIRE(directives[0].block.size() == 3);
  CHECK(directives[0].block[0].file == folder.file("one.conf"));
  CHECK(directives[0].block[1].line == 2);
  CHECK(directives[0].block[2].argument(0) == "1");
}

TEST_CASE("a circle of includes is named") {
  const std::string dump =
      file("/a", "include /b;") + file("/b", "\ninclude /c;") + file("/c", "x;\ny;\ninclude /b;");
  CHECK(error_of(dump) == "/c:3: files include each other in a circle: /b -> /c -> /b");
}

TEST_CASE("nothing takes all time or memory") {
  SECTION("files that include two each") {
    std::string dump;
    for (int i = 0; i < 40; ++i) {
      const std::string next = std::to_string(i + 1);
      dump += file("/" + std::to_string(i), "include /" + next + "; include /" + next + ";");
    }
    dump += file("/40", "");
    CHECK(error_of(dump).find("too many files are included") != std::string::npos);
  }
  SECTION("a long chain") {
    std::string dump;
    for (int i = 0; i < 100; ++i) {
      dump += file("/" + std::to_string(i), "include /" + std::to_string(i + 1) + ";");
    }
    CHECK(error_of(dump).find("too many files include each other") != std::string::npos);
  }
  SECTION("deep blocks") {
    CHECK(error_of(repeated("a {", 100'000)).find("too deeply") != std::string::npos);
  }
  SECTION("many directives") {
    CHECK(error_of(repeated("a;", 200), {.directives = 100}).find("too many directives") !=
          std::string::npos);
  }
}

TEST_CASE("cut or changed configurations are checked or refused, and never crash") {
  std::string whole;
  for (const char* name :
       {"example.conf", "userbin.conf", "userbin_upstream.conf", "userbin_params",
        "userbin_pass.conf", "userbin_page.conf", "userbin_limits.conf", "userbin_messages.conf"}) {
    whole += file(std::string("/etc/nginx/") + name,
                  userbin::test::read_file("nginx/" + std::string(name)));
  }
  whole += file("/etc/nginx/mime.types", "types { text/html html; }");
  REQUIRE_NOTHROW(check_nginx_config(parse(whole)));
  std::mt19937 random(20261123);  // NOLINT(cert-msc51-cpp)
  const auto any = [&](std::size_t size) { return random() % size; };
  std::size_t checked = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = whole;
    const std::size_t changes = any(4);
    for (std::size_t change = 0; change < changes; ++change) {
      const std::size_t at = any(text.size());
      switch (any(4)) {
        case 0: text.erase(at, 1 + any(40)); break;
        case 1: text[at] = static_cast<char>(any(256)); break;
        case 2: text.insert(at, 1, ";{}'\"\\$#\n "[any(10)]); break;
        default: text.insert(at, text.substr(any(text.size()), any(200)));
      }
    }
    if (changes == 0) text.resize(any(text.size()));
    try {
      check_nginx_config(parse(text));
      ++checked;
    } catch (const NginxSyntaxError&) {
    }
  }
  CHECK(checked > 100);
}
