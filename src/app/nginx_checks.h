// The parts of check_nginx_config(): each looks for the traps of one kind in one server.
#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/nginx_rules.h"
#include "app/nginx_scope.h"

namespace userbin::app {

/// Gathers findings.
class NginxFindings {
 public:
  /// `rule` is a name of the table, `details` take the places of "{0}", "{1}" ... in its sentences.
  void add(std::string_view rule, const NginxDirective& where,
           std::initializer_list<std::string> details);

  std::vector<NginxFinding> take_sorted();

 private:
  std::vector<NginxFinding> findings_;
};

/// The locations that answer a server's auth_requests.
using NginxVerifiers = std::set<const NginxScope*>;

/// Where the auth_requests lead. Returns those locations that ask somebody.
NginxVerifiers check_guards(const NginxSite& site, NginxFindings& findings);

/// Protected places: what nginx does there before or instead of asking, and ways around them.
void check_places(const NginxSite& site, const NginxVerifiers& verifiers, NginxFindings& findings);
/// What happens there to people who are not logged in.
void check_error_pages(const NginxSite& site, const NginxVerifiers& verifiers,
                       NginxFindings& findings);

/// The locations of the verifiers themselves.
void check_verifiers(const NginxSite& site, const NginxVerifiers& verifiers,
                     NginxFindings& findings);
/// $userbin_require: that what a place asks for is asked.
void check_requirements(const NginxSite& site, const NginxVerifiers& verifiers,
                        NginxFindings& findings);

/// What applications learn of who is logged in.
void check_identities(const NginxSite& site, const NginxVerifiers& verifiers,
                      NginxFindings& findings);

/// Whether the fastcgi_pass goes to the worker that a verifier's location asks.
bool goes_to_worker(const NginxDirective& pass, const NginxVerifiers& verifiers);

/// The verifier that a protected place asks; null if none does.
const NginxScope* verifier_of(const NginxSite& site, const NginxScope& place,
                              const NginxVerifiers& verifiers);

/// The status of a `return`; 302 if it has only a URL.
int status_of(const NginxDirective& return_directive);

/// Whether a URI matches a regular expression of nginx; false if C++ does not know what is in it,
/// or if one of them is long.
bool matches_expression(const std::string& expression, const std::string& uri);

/// Which of the `text`'s variables auth_request_sets of the server set, but none in this place.
std::vector<std::string> variables_unset_in(const NginxSite& site, const NginxScope& place,
                                            const std::string& text);

}  // namespace userbin::app
