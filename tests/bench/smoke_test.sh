#!/bin/bash
# The quickest section of 'make bench', as short as can be: its report has tables, marks and a plot that
# can be read, no plot of an earlier run, and a whole run's report stays as it was.
# usage: tests/bench/smoke_test.sh
set -u
cd "$(dirname "$0")/../.."
bench=build/bench
partial=$bench/partial
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0

wrong() { echo "smoke_test: $1" >&2; status=1; }
whole() { cat $bench/report.md $bench/*.svg 2>/dev/null | cksum; }

make --no-print-directory -j2 release build/release/bench || exit 1
mkdir -p $partial
touch $partial/stale.svg
rm -f $partial/report.md
before=$(whole)
tests/bench/run --rounds 1 --seconds 1 hash >"$out" 2>&1 || wrong "it failed: $(cat "$out")"
[[ $(whole) = "$before" ]] || wrong "it changed the report of a whole run"

# holds WHAT PATTERN: the report has such a line
holds() { grep -qE "$2" $partial/report.md || wrong "the report has no $1: $(cat $partial/report.md)"; }

holds commit "^- userbin .*, commit [0-9a-f]"
holds rounds "^- Measured .*: hash alone, --rounds 1 --seconds 1"
holds "row of logins" "^\| logins +\| +[0-9.]+ \| +[0-9.]+ \| +[0-9.]+ \|"
holds mark "^\| logins, to the raw hash rate of all cores +\| +[0-9.]+ \| +≥ 0.95 \| +(PASS|missed) \|$"
holds plot "^!\[.*\]\(hash\.svg\)$"
[[ $(cd $partial && echo *.svg) = hash.svg ]] || wrong "beside the report lie: $(ls $partial)"
/usr/bin/python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' $partial/hash.svg ||
    wrong "hash.svg is no SVG"
tests/bench/run nonsense 2>/dev/null && wrong "a section that is not there is no error"
exit $status
