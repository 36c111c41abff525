#!/bin/bash
# Every folder of src/ includes only what stands below it, and a vendor's header has one home.
# usage: tests/layering_test.sh [SRC]
set -eu
src=${1:-$(dirname "$0")/../src}
cd "$src"
status=0

declare -A below=(
    [app]="app handlers jsonbin auth store fastcgi http base"
    [handlers]="handlers auth store http base"
    [jsonbin]="jsonbin store base"
    [auth]="auth store base"
    [store]="store base"
    [fastcgi]="fastcgi http base"
    [http]="http base"
    [base]="base"
)
declare -A home=(
    [curl/]=jsonbin [soci/]=store [openssl/]=auth
    [sodium.h]=auth [zxcvbn.h]=auth [crypt.h]=auth [spdlog/]=base [CLI/]=app [sqlite3.h]=store
    [prometheus/]=app [dlfcn.h]=base
)

wrong() { echo "$1" >&2; status=1; }

for file in */*.cpp */*.h; do
    folder=${file%%/*}
    [[ -n ${below[$folder]:-} ]] || wrong "src/$folder is in no layer: add it to tests/layering_test.sh and ARCHITECTURE.md"
    while IFS= read -r included; do
        name=${included%%/*}
        [[ $included == */* && " ${below[$folder]:-} " == *" $name "* ]] ||
            wrong "src/$file includes \"$included\": $folder may include ${below[$folder]:-nothing}"
    done < <(sed -nE 's/^ *# *include *"([^"]+)".*/\1/p' "$file")
    while IFS= read -r included; do
        for vendor in "${!home[@]}"; do
            [[ $included != "$vendor"* || " ${home[$vendor]} " == *" $folder "* ]] ||
                wrong "src/$file includes <$included>, whose home is src/${home[$vendor]}"
        done
    done < <(sed -nE 's/^ *# *include *<([^>]+)>.*/\1/p' "$file")
done
while IFS= read -r included; do
    [[ $included == app/* ]] || wrong "src/main.cpp includes \"$included\": main may include app alone"
done < <(sed -nE 's/^ *# *include *"([^"]+)".*/\1/p' main.cpp)
exit $status
