#!/bin/bash
# 'make install' puts everything where nginx and systemd find it, and 'make uninstall' takes it away.
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
wrong() { echo "install_test: $1" >&2; exit 1; }

make --no-print-directory install DESTDIR="$folder" PREFIX=/usr URL_PREFIX=/auth
"$folder/usr/bin/userbin" --version >/dev/null
[[ -f $folder/usr/share/userbin/www/login.html ]] || wrong "no pages"
grep -q 'ExecStart=/usr/bin/userbin serve' "$folder/usr/lib/systemd/system/userbin.service" || wrong "no unit"
bash -c 'source "$1" && complete -p userbin' bash "$folder/usr/share/bash-completion/completions/userbin" >/dev/null ||
    wrong "no completion"
grep -q 'location = /auth/login ' "$folder/etc/nginx/userbin.conf" || wrong "URL_PREFIX is not in userbin.conf"
grep -q '^location = /.well-known/change-password ' "$folder/etc/nginx/userbin.conf" || wrong "change-password is not at the root"
! grep -Eq '^location (=|\^~) /[^a.]' "$folder/etc/nginx/userbin.conf" || wrong "a location is outside URL_PREFIX"

# The installed snippets, as the README tells to include them.
cat >"$folder/etc/nginx/nginx.conf" <<EOF
pid $folder/pid;
events {}
http {
    include userbin_upstream.conf;
    include userbin_messages.conf;
    server { listen 127.0.0.1:1; include userbin.conf; }
}
EOF
/usr/sbin/nginx -t -q -p "$folder/etc/nginx" -c "$folder/etc/nginx/nginx.conf" -e "$folder/error.log" ||
    wrong "nginx refuses the snippets: $(cat "$folder/error.log")"

# The configuration that comes along, up to the folders that only systemd makes.
out=$("$folder/usr/bin/userbin" serve --config "$folder/etc/userbin.conf" --store "$folder/none/db" 2>&1) || true
[[ $out == *"--store: there is no folder"* ]] || wrong "userbin.conf is not read: $out"

echo mine >"$folder/etc/userbin.conf"
make --no-print-directory install DESTDIR="$folder" PREFIX=/usr
[[ $(cat "$folder/etc/userbin.conf") == mine ]] || wrong "install overwrote userbin.conf"
make --no-print-directory uninstall DESTDIR="$folder" PREFIX=/usr
left=$(cd "$folder" && find . -name '*userbin*' -not -path ./etc/userbin.conf)
[[ -z $left ]] || wrong "uninstall left $left"
[[ -f $folder/etc/userbin.conf ]] || wrong "uninstall took userbin.conf away"
