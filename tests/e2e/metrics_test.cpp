// What the worker shows of itself: /metrics, the alerts and the dashboard made of it, and a real
// Prometheus that reads it.
#include <filesystem>
#include <regex>
#include <set>
#include <sys/stat.h>

#include "app/figures.h"
#include "support/catch.h"
#include "support/site_with_bin.h"
#include "support/text.h"

namespace userbin::test {

namespace {

using app::Figures;

constexpr const char* kPassword = "tuesday grows heavy";

std::string tcp(int port) {
  return "127.0.0.1:" + std::to_string(port);
}

std::vector<std::string> flags_with(const std::string& metrics) {
  std::vector<std::string> flags = kCheapHashing;
  flags.push_back("--metrics=" + metrics);
  return flags;
}

Site::Options options_with_metrics(const std::string& metrics) {
  return {.worker_flags = flags_with(metrics)};
}

Answer scrape(int port, const std::string& path = "/metrics") {
  return HttpClient("http://" + tcp(port)).get(path);
}

Figures figures_of(int port) {
  const Answer answer = scrape(port);
  REQUIRE(answer.status == 200);
  return Figures(answer.body);
}

/// The names after "# TYPE".
std::set<std::string> families_in(const std::string& text) {
  std::set<std::string> names;
  const std::regex line("# TYPE ([a-z_]+) ");
  for (std::sregex_iterator at(text.begin(), text.end(), line), end; at != end; ++at) {
    names.insert((*at)[1]);
  }
  return names;
}

std::set<std::string> matches_in(const std::string& text, const std::string& pattern) {
  std::set<std::string> found;
  const std::regex name(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
    found.insert((*at)[1]);
  }
  return found;
}

std::string without_suffix(std::string name) {
  for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
    if (name.ends_with(suffix)) name.erase(name.size() - suffix.size());
  }
  return name;
}

/// A person registers, logs in with a wrong and a right password, and is let in.
void be_busy(const Site& site) {
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("ada", kPassword)).status == 200);
  REQUIRE(client.post_json("/login", credentials("ada", "some other words")).status == 401);
  REQUIRE(client.post_json("/login", credentials("ada", kPassword)).status == 200);
  REQUIRE(client.get("/me").status == 200);
  REQUIRE(client.get("/me/sessions/no/such/thing").status == 404);
}

/// The queries of Grafana's dashboard, with what Grafana puts in.
std::vector<std::string> queries_in(const Json::Value& panels) {
  std::vector<std::string> queries;
  for (const Json::Value& panel : panels) {
    for (const std::string& query : queries_in(panel["panels"])) queries.push_back(query);
    for (const Json::Value& target : panel["targets"]) {
      std::string query = target["expr"].asString();
      for (const auto& [variable, value] :
           {std::pair("\\$job", ".*"), std::pair("\\$instance", ".*"),
            std::pair("\\$__rate_interval", "1m"), std::pair("\\$__range", "1h")}) {
        query = std::regex_replace(query, std::regex(variable), value);
      }
      queries.push_back(query);
    }
  }
  return queries;
}

Finished start_in_vain(const TemporaryFolder& folder, const std::string& metrics) {
  std::vector<std::string> command = {userbin_program(), "serve",
                                      "--listen=unix:" + folder.file("u.sock"),
                                      "--store=" + folder.file("db"), "--metrics=" + metrics};
  command.insert(command.end(), kCheapHashing.begin(), kCheapHashing.end());
  return run_command(command);
}

/// A Prometheus of its own, on a free port, that scrapes this port every second.
class Prometheus {
 public:
  explicit Prometheus(int target) : port_(free_port()) {
    std::filesystem::copy_file("contrib/prometheus/userbin.rules.yml", folder_.file("rules.yml"));
    write_file(folder_.file("prometheus.yml"),
               "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
               "rule_files: [" +
                   folder_.file("rules.yml") +
                   "]\n"
                   "scrape_configs: [{job_name: userbin, static_configs: [{targets: ['" +
                   tcp(target) + "']}]}]\n");
    process_ = std::make_unique<Process>(
        std::vector<std::string>{"prometheus", "--config.file=" + folder_.file("prometheus.yml"),
                                 "--storage.tsdb.path=" + folder_.file("data"),
                                 "--web.listen-address=" + tcp(port_), "--log.level=error"});
  }

  /// The value of an expression that has one; nullopt if it has none, or nobody answers yet.
  std::optional<double> query(const std::string& expression) const {
    const Json::Value found = answer_to(expression)["data"]["result"];
    if (!found.isArray() || found.empty()) return std::nullopt;
    return std::stod(found[0]["value"][1].asString());
  }

  /// Null if nobody answers yet.
  Json::Value answer_to(const std::string& expression) const {
    std::string encoded;
    for (const char c : expression) {
      constexpr const char* kDigits = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', kDigits[byte / 16], kDigits[byte % 16]};
    }
    return HttpClient("http://" + tcp(port_)).post_form("/api/v1/query", "query=" + encoded).json();
  }

 private:
  TemporaryFolder folder_;
  int port_;
  std::unique_ptr<Process> process_;
};

}  // namespace

TEST_CASE("a worker shows what it did, in a form that promtool finds no fault with") {
  const int port = free_port();
  const Site site(options_with_metrics(tcp(port)));
  be_busy(site);
  const Answer answer = scrape(port);
  CHECK(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  const Finished lint = run_command({"promtool", "check", "metrics"}, answer.body);
  CHECK(lint.status == 0);
  CHECK(lint.output.empty());

  const Figures figures(answer.body);
  const char* requests = "userbin_http_requests_total";
  CHECK(figures.sum(requests, {{"route", "/register"}, {"method", "POST"}, {"code", "200"}}) == 1);
  CHECK(figures.sum(requests, {{"route", "/login"}, {"code", "401"}}) == 1);
  CHECK(figures.sum(requests, {{"route", "/login"}, {"code", "200"}}) == 1);
  CHECK(figures.sum("userbin_http_request_duration_seconds_count", {{"route", "/login"}}) == 2);
  CHECK(figures.sum("userbin_sign_ins_total", {{"outcome", "ok"}}) == 1);
  CHECK(figures.sum("userbin_sign_ins_total", {{"outcome", "wrong_password"}}) == 1);
  CHECK(figures.sum("userbin_registrations_total", {{"outcome", "ok"}}) == 1);
  CHECK(figures.sum("userbin_hash_duration_seconds_count") >= 3);
  CHECK(figures.sum("userbin_store_operation_duration_seconds_count", {{"operation", "write"}}) >
        0);
  CHECK(figures.sum("userbin_store_operation_failures_total") == 0);
  CHECK(figures.value("process_resident_memory_bytes").value_or(0) > 1e6);
  CHECK(figures.value("process_open_fds").value_or(0) > 5);
  CHECK(figures.value("process_max_fds").value_or(0) > 5);
  CHECK_FALSE(contains(answer.body, "no/such/thing"));
  CHECK_FALSE(contains(answer.body, "ada"));
}

TEST_CASE("what nginx asks is counted by what it is told") {
  const int port = free_port();
  Site::Options options = options_with_metrics(tcp(port));
  options.start_application = true;
  const Site site(options);
  be_busy(site);
  HttpClient client(site.url());
  client.get("/members/");
  client.post_json("/login", credentials("ada", kPassword));
  client.get("/members/");
  client.get("/staff/");
  const Figures figures = figures_of(port);
  const char* name = "userbin_verifications_total";
  CHECK(figures.sum(name, {{"answer", "200"}}) == 1);
  CHECK(figures.sum(name, {{"answer", "401"}}) == 1);
  CHECK(figures.sum(name, {{"answer", "403"}}) == 1);
}

TEST_CASE("no metrics come through the site, nor by FastCGI") {
  const int port = free_port();
  const Site site(options_with_metrics(tcp(port)));
  HttpClient client(site.url());
  CHECK(client.get("/metrics").status == 404);
  RawConnection direct(site.socket());
  direct.send(
      fastcgi_request({{"REQUEST_METHOD", "GET"}, {"DOCUMENT_URI", "/metrics"}}, "", false));
  const auto answer = direct.read_answer();
  REQUIRE(answer);
  CHECK_FALSE(contains(*answer, "userbin_build_info"));
  CHECK(scrape(port, "/").status == 404);
}

TEST_CASE("without --metrics there are none") {
  const Site site;
  CHECK(contains(site.log(), ", metrics off"));
}

TEST_CASE("metrics come by a Unix socket that other users cannot open") {
  const TemporaryFolder folder;
  const std::string socket = folder.file("metrics.sock");
  {
    const Site site(options_with_metrics("unix:" + socket));
    struct stat status {};
    REQUIRE(::stat(socket.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0660);
    const Finished answer =
        run_command({"curl", "-s", "--unix-socket", socket, "http://localhost/metrics"});
    CHECK(contains(answer.output, "userbin_build_info{version="));
  }
  CHECK_FALSE(std::filesystem::exists(socket));
}

TEST_CASE("an address for metrics that cannot be had is named with its mend") {
  const TemporaryFolder folder;
  const int port = free_port();
  const Site site(options_with_metrics(tcp(port)));
  const Finished taken = start_in_vain(folder, tcp(port));
  CHECK(taken.status == 2);
  CHECK(contains(taken.output, "--metrics: '" + tcp(port) + "': Address already in use; choose"));
  for (const char* address : {"junk", "inherit", "127.0.0.1:", "127.0.0.1:0", "9464"}) {
    CAPTURE(address);
    const Finished wrong = start_in_vain(folder, address);
    CHECK(wrong.status == 2);
    CHECK(contains(wrong.output, "is no address; write 127.0.0.1:9464"));
  }
}

TEST_CASE("metrics on an address that others can reach come with a warning") {
  const int port = free_port();
  const Site site(options_with_metrics("0.0.0.0:" + std::to_string(port)));
  CHECK(contains(site.log(), "--metrics 0.0.0.0:" + std::to_string(port) +
                                 " is not a loopback address: whoever reaches it sees"));
}

TEST_CASE("who asks for metrics and stalls, or sends junk, holds up nobody") {
  const TemporaryFolder folder;
  const std::string socket = folder.file("metrics.sock");
  const int port = free_port();
  const Site site(options_with_metrics("unix:" + socket));
  const Site tcp_site(options_with_metrics(tcp(port)));
  std::vector<RawConnection> stalled;
  for (int i = 0; i < 40; ++i) {
    stalled.emplace_back(socket);
    stalled.back().send("GET /metr");
  }
  CHECK(contains(
      run_command({"curl", "-s", "--unix-socket", socket, "http://localhost/metrics"}).output,
      "userbin_build_info"));
  CHECK(stalled.front().is_closed());
  RawConnection junk(socket);
  junk.send(std::string(100'000, '\xff'));
  CHECK(junk.is_closed());
  CHECK(HttpClient("http://" + tcp(port)).send({.method = "POST", .path = "/metrics"}).status ==
        405);
  CHECK(HttpClient(site.url()).get("/healthz").status == 200);
}

TEST_CASE("the figures of a bin are there where there is one") {
  const int port = free_port();
  const SiteWithBin bin("[{}]", {"--metrics=" + tcp(port), "--bin-requests=500/day"});
  be_busy(bin.site);
  bin.wait_until_in_step();
  const Answer answer = scrape(port);
  CHECK(run_command({"promtool", "check", "metrics"}, answer.body).output.empty());
  const Figures figures(answer.body);
  CHECK(figures.value("userbin_bin_pending_changes") == 0.0);
  CHECK(figures.value("userbin_bin_last_success_timestamp_seconds").value_or(0) >
        figures.value("process_start_time_seconds").value_or(0) - 1);
  CHECK(figures.value("userbin_bin_requests_used").value_or(0) > 0);
  CHECK(figures.value("userbin_bin_requests_allowed") == 500.0);
  CHECK(figures.sum("userbin_bin_problem") == 0);

  SECTION("what they are called is what docs/metrics.md, the alerts and the dashboard say") {
    const auto offered = families_in(answer.body);
    CHECK(matches_in(read_file("docs/metrics.md"), "\n\\| `([a-z_]+)` ") == offered);
    for (const char* file :
         {"contrib/grafana/userbin.json", "contrib/prometheus/userbin.rules.yml"}) {
      const auto used = matches_in(read_file(file), "\\b((?:userbin|process)_[a-z_]+)");
      CHECK(used.size() > 5);
      for (const std::string& name : used) {
        CAPTURE(file, name);
        CHECK(offered.contains(without_suffix(name)));
      }
    }
  }
}

TEST_CASE("the store's failures are counted, and metrics go on without it", "[sqlite]") {
  const int port = free_port();
  const Site site(options_with_metrics(tcp(port)));
  be_busy(site);
  std::filesystem::rename(site.store(), site.store() + ".gone");
  HttpClient client(site.url());
  CHECK(client.post_json("/login", credentials("ada", kPassword)).status == 503);
  const Figures figures = figures_of(port);
  CHECK(figures.sum("userbin_store_operation_failures_total") > 0);
  CHECK(figures.sum("userbin_http_requests_total", {{"code", "503"}, {"route", "/login"}}) == 1);
}

TEST_CASE("what is refused, held off, half sent or not in the bin is counted") {
  const int port = free_port();
  // A hash that takes long enough for the queue to fill behind it.
  const SiteWithBin bin("[{}]", {"--metrics=" + tcp(port), "--hash-slots=1", "--hash-queue=1",
                                 "--hash-memory=65536", "--hash-passes=2", "--login-failures=1"});
  const Site& site = bin.site;
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("ada", kPassword)).status / 100 == 2);

  // Each of another name, so that none is held off.
  int number = 0;
  const auto next_login = [&] {
    const std::string body = credentials("nobody" + std::to_string(++number), kPassword);
    return fastcgi_request({{"DOCUMENT_URI", "/login"},
                            {"REQUEST_METHOD", "POST"},
                            {"CONTENT_TYPE", "application/json"},
                            {"CONTENT_LENGTH", std::to_string(body.size())}},
                           body, true);
  };
  wait_until("a hash is refused", [&] {
    std::vector<RawConnection> crowd;
    for (int i = 0; i < 8; ++i) crowd.emplace_back(site.socket());
    for (RawConnection& each : crowd) REQUIRE(each.send(next_login()));
    for (RawConnection& each : crowd) REQUIRE(each.read_answer());
    return figures_of(port).sum("userbin_hashes_refused_total") > 0;
  });
  wait_until("a login is held off", [&] {
    return client.post_json("/login", credentials("ada", "some other words")).status == 429;
  });
  RawConnection half(site.socket());
  REQUIRE(half.send(next_login().substr(0, 40)));
  wait_until("what is half sent waits",
             [&] { return figures_of(port).value("userbin_connections_waiting").value_or(0) > 0; });
  bin.service.add_fault(R"({"fault": "html_500"})");
  REQUIRE(client.post_json("/register", credentials("bob", kPassword)).status == 202);
  wait_until("the bin is said to be away", [&] {
    return figures_of(port).sum("userbin_bin_problem", {{"problem", "away"}}) == 1;
  });
  const Figures figures = figures_of(port);
  CHECK(figures.value("userbin_bin_pending_changes") == 1.0);
  CHECK(figures.sum("userbin_throttled_attempts_total", {{"kind", "login"}}) > 0);
  CHECK(figures.sum("userbin_sign_ins_total", {{"outcome", "throttled"}}) > 0);
  CHECK(figures.sum("userbin_http_requests_total", {{"route", "/login"}, {"code", "503"}}) > 0);
  CHECK(figures.value("userbin_hash_slots") == 1.0);
  CHECK(figures.value("userbin_hash_queue_slots") == 1.0);
  CHECK(figures.value("userbin_connections_open").value_or(0) > 0);
}

TEST_CASE("the alerts and the example for Prometheus are sound, and the dashboard is JSON") {
  CHECK(
      run_command({"promtool", "check", "rules", "contrib/prometheus/userbin.rules.yml"}).status ==
      0);
  const Finished tested =
      run_command({"promtool", "test", "rules", "contrib/prometheus/userbin.rules.test.yml"});
  CAPTURE(tested.output);
  CHECK(tested.status == 0);
  CHECK(
      run_command({"promtool", "check", "config", "--syntax-only", "contrib/prometheus/scrape.yml"})
          .status == 0);
  Answer dashboard;
  dashboard.body = read_file("contrib/grafana/userbin.json");
  CHECK(dashboard.json()["panels"].size() > 10);
}

TEST_CASE(
    "a Prometheus scrapes the worker, its figures arrive, and an alert is raised when it dies") {
  const int port = free_port();
  Site site(options_with_metrics(tcp(port)));
  be_busy(site);
  const Prometheus prometheus(port);
  wait_until("a login is known to Prometheus",
             [&] { return prometheus.query("userbin_sign_ins_total{outcome=\"ok\"}") == 1.0; });
  CHECK(prometheus.query("up{job=\"userbin\"}") == 1.0);
  CHECK(prometheus.query("histogram_quantile(0.99, userbin_hash_duration_seconds_bucket)"));
  CHECK(prometheus.query("count(userbin_build_info)") == 1.0);
  Answer dashboard;
  dashboard.body = read_file("contrib/grafana/userbin.json");
  const std::vector<std::string> queries = queries_in(dashboard.json()["panels"]);
  CHECK(queries.size() > 20);
  for (const std::string& query : queries) {
    const Json::Value answer = prometheus.answer_to(query);
    CAPTURE(query, answer.toStyledString());
    CHECK(query.find('$') == std::string::npos);
    CHECK(answer["status"] == "success");
  }
  site.kill_worker();
  wait_until("Prometheus sees that the worker is gone",
             [&] { return prometheus.query("ALERTS{alertname=\"UserbinDown\"}") == 1.0; });
}

}  // namespace userbin::test
