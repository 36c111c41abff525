#!/bin/bash
# 'make run' as a newcomer meets it: it serves, its two curl lines work, Ctrl-C stops all of it, and
# what cannot work is said in one line.
# usage: tests/e2e/run_site_test.sh USERBIN
set -mu
cd "$(dirname "$0")/../.."
userbin=$1
folder=$(mktemp -d)
chmod 755 "$folder"
status=0
job=

cleanup() {
    [[ -z $job ]] || kill -KILL -- "-$job" 2>/dev/null
    rm -rf "$folder"
}
trap cleanup EXIT

wrong() { echo "run_site_test: $1" >&2; status=1; }

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# serves NAME STATE COMMAND...: the command, with its @PORT@ and @STATE@, serves until Ctrl-C
serves() {
    local name=$1 state=$2 port out; shift 2
    port=$(free_port) out=$folder/out
    local command=("${@//@PORT@/$port}")
    # Whoever runs the tests in the background may have made them deaf to Ctrl-C.
    env --default-signal=INT,QUIT "${command[@]//@STATE@/$state}" >"$out" 2>&1 &
    job=$!
    for _ in $(seq 600); do
        grep -q "userbin is at  http://127.0.0.1:$port/" "$out" && break
        kill -0 "$job" 2>/dev/null || break
        sleep 0.1
    done
    grep -q "userbin is at" "$out" || { wrong "$name: did not start: $(cat "$out")"; return; }
    [[ $(grep -c '^  curl ' "$out") -eq 2 ]] || wrong "$name: printed no two curl lines"
    while IFS= read -r line; do
        answer=$(cd "$folder" && eval "${line/curl /curl --silent --show-error --fail }" 2>&1) ||
            wrong "$name: '$line' failed: $answer"
    done < <(grep '^  curl ' "$out")
    local processes
    processes=$(pgrep -f "$state")
    [[ -n $processes ]] || wrong "$name: no process names its state"
    kill -INT -- "-$job"
    for _ in $(seq 200); do
        kill -0 "$job" 2>/dev/null || break
        sleep 0.1
    done
    ! kill -0 "$job" 2>/dev/null || { wrong "$name: does not end after Ctrl-C: $(cat "$out")"; kill -TERM -- "-$job"; }
    wait "$job" 2>/dev/null
    job=
    is_taken "$port" && wrong "$name: port $port is still taken after Ctrl-C"
    for pid in $processes; do
        ! kill -0 "$pid" 2>/dev/null || wrong "$name: process $pid still runs after Ctrl-C"
    done
    [[ ! -e $state/userbin.sock ]] || wrong "$name: the socket is still there"
    grep -q "stopped" "$out" || wrong "$name: the worker did not stop by itself"
}

# refuses NAME PATTERN PORT STATE
refuses() {
    local name=$1 pattern=$2 port=$3 state=$4 out
    out=$(tools/run-site "$userbin" "$port" "$state" 2>&1) && wrong "$name: exit status 0"
    [[ $(wc -l <<<"$out") -eq 1 && $out =~ $pattern ]] || wrong "$name: said: $out"
    ! pgrep -f "$state/(userbin.sock|nginx)" >/dev/null || wrong "$name: left something running"
}

serves "make run" "$folder/state" make --no-print-directory run PORT=@PORT@ STATE=@STATE@
serves "the script alone" "$folder/state2" tools/run-site "$userbin" @PORT@ @STATE@

nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
if [[ $(id -u) -eq 0 ]] && "${nobody[@]}" test -x "$userbin"; then
    mkdir "$folder/nobodys" && chown 65534:65534 "$folder/nobodys"
    serves "as an ordinary user" "$folder/nobodys/state" "${nobody[@]}" tools/run-site "$userbin" @PORT@ @STATE@
fi

/usr/bin/python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(60)' >"$folder/port" &
job=$!
until [[ -s $folder/port ]]; do sleep 0.1; done
refuses "a taken port" "port [0-9]+ is taken; choose another" "$(cat "$folder/port")" "$folder/state3"
kill -KILL "$job" 2>/dev/null
wait "$job" 2>/dev/null
job=
refuses "a port that is none" "PORT=http is no port" http "$folder/state4"
refuses "a state that cannot be written" "STATE=/dev/null/x cannot be written" "$(free_port)" /dev/null/x
exit $status
