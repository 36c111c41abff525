#include "support/catch.h"
#include "support/guarded_site.h"

using namespace userbin::test;

TEST_CASE("behind lighttpd, a guard leaves it to the place's FastCGI application to answer") {
  GuardedSite site(GuardedSite::Server::kLighttpd);
  for (const char* place : {"open", "members"}) {
    site.add_page(std::string("/") + place + "/app.php", "the program's text");
  }
  HttpClient nobody(site.url()), user(site.url());
  site.sign_in(user, "bob");
  CHECK(nobody.get("/members/app.php").status == 401);
  // The application is the worker, which knows nothing of the page.
  CHECK(nobody.get("/open/app.php").code() == "not_found");
  CHECK(user.get("/members/app.php").code() == "not_found");
  CHECK(user.get("/members/page.html").body == "the page of members");
}
