# What the tests share that start the program and let tools from outside look at it. To be sourced, with $0 as the test.
#
#   cannot TEXT             ends the test: it could not run (exit code 2)
#   needs PROGRAM…          or it cannot
#   built                   sets $binary to the program, building it unless it was given
#   free_ports              prints the first of the ports of a demo
#   demo FOLDER ARGUMENT…   starts a demo in FOLDER and waits for it: sets $demo, $port and $ready
#   browsing                sets $browser, installing it when that is allowed
#
# $work is a folder of the test's own. It and the demo are gone when the test ends, however it ends.

cannot() {
    echo "${0##*/}: $1" >&2
    exit 2
}

needs() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || cannot "$program is missing"
    done
}

built() {
    if [ -z "$binary" ]; then
        cargo build || cannot "the program does not build"
        binary=${CARGO_TARGET_DIR:-target}/debug/cofrestr
    fi
    [ -x "$binary" ] || cannot "$binary is not a program"
    binary=$(realpath "$binary")
}

work=$(mktemp -d)
demo=
finish() {
    if [ -n "$demo" ]; then
        kill "$demo" 2>/dev/null || true
        wait "$demo" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 2' INT TERM

# A demo needs seven ports, and seven more a hundred above them.
free_ports() {
    python3 - <<'PYTHON'
import random, socket

def free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False

for base in random.sample(range(20000, 32000, 10), 200):
    if all(free(base + more + region) for more in (0, 100) for region in range(7)):
        print(base)
        break
PYTHON
}

demo() {
    local folder=$1
    shift
    port=$(free_ports)
    [ -n "$port" ] || cannot "no free ports for a demo"
    ready=$work/ready.json
    echo "== a demo on port $port"
    "$binary" demo --base-port "$port" --data "$folder" --ready-file "$ready" "$@" >"$work/demo.log" 2>&1 &
    demo=$!
    for _ in $(seq 180); do
        [ -s "$ready" ] && return
        kill -0 "$demo" 2>/dev/null || break
        sleep 1
    done
    cat "$work/demo.log" >&2
    cannot "the demo did not start"
}

browsing() {
    browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
    [ -z "$browser" ] || return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || cannot "Chromium is missing (Debian: apt install chromium)"
    apt-get update -qq && apt-get install -y -qq chromium >/dev/null || cannot "Chromium cannot be installed"
    browser=$(command -v chromium)
}
