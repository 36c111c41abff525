#include "support/catch.h"
#include "support/guarded_site.h"

using namespace userbin::test;

TEST_CASE("behind Apache, an application may also read the headers that the guard sets") {
  GuardedSite site(GuardedSite::Server::kApache);
  HttpClient user(site.url());
  site.sign_in(user, "bob");
  const std::string seen = user.get("/members/app", {"Remote-User: mona"}).body;
  CHECK(seen.find("HTTP_REMOTE_USER=bob\n") != std::string::npos);
  CHECK(seen.find("HTTP_REMOTE_GROUPS=user\n") != std::string::npos);
}

TEST_CASE("behind Apache, no page of another place includes what its reader may not see") {
  GuardedSite site(GuardedSite::Server::kApache);
  site.add_page("/open/all.shtml", R"(<!--#include virtual="/members/page.html" -->, )"
                                   R"(<!--#include virtual="/staff/page.html" -->.)");
  HttpClient nobody(site.url()), user(site.url()), admin(site.url());
  site.sign_in(user, "bob");
  site.sign_in(admin, "mona", "admin");
  CHECK(nobody.get("/open/all.shtml").body.find("the page of") == std::string::npos);
  CHECK(admin.get("/open/all.shtml").body == "the page of members, the page of staff.");
  const std::string seen = user.get("/open/all.shtml").body;
  CHECK(seen.find("the page of members, ") != std::string::npos);
  CHECK(seen.find("the page of staff") == std::string::npos);
}
