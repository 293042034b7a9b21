#!/usr/bin/env bash
# The pages as people use them: a real browser, the smallest screen, the keyboard alone, no JavaScript, both languages.
#
#   tests/pages.sh [--binary PATH] [--screenshots FOLDER]
#
# --binary PATH          the program to test (otherwise: cargo build, and the debug binary)
# --screenshots FOLDER   where to keep pictures of the main pages (otherwise: target/pages/screenshots)
#
# Starts a demo and walks its pages in Chromium with npm `playwright-core`: signing in, asking, the four outcomes, a hit that comes
# late, a session that ends. npm `axe-core` judges every page by WCAG 2.2 A and AA. The tools are installed into target/pages, in the
# versions below; the first run needs a network. Chromium is taken from the machine, or installed with its package manager when that
# is allowed. Exit code: 0 no findings, 1 findings, 2 it could not run.
set -euo pipefail

PLAYWRIGHT=1.65.1
AXE=4.13.0

cannot() {
    echo "pages.sh: $1" >&2
    exit 2
}

cd "$(dirname "$0")/.."
binary=
screenshots=$PWD/target/pages/screenshots
while [ $# -gt 0 ]; do
    case "$1" in
    --binary) binary=$(realpath "${2:?--binary needs a path}") && shift 2 ;;
    --screenshots) screenshots=$(realpath -m "${2:?--screenshots needs a folder}") && shift 2 ;;
    *) cannot "unknown argument $1; see the head of this file" ;;
    esac
done

for program in npm node python3; do
    command -v "$program" >/dev/null || cannot "$program is missing"
done
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq chromium >/dev/null || cannot "Chromium cannot be installed"
        browser=$(command -v chromium)
    else
        cannot "Chromium is missing (Debian: apt install chromium)"
    fi
fi
tools=$PWD/target/pages
mkdir -p "$tools" "$screenshots"
stamp="playwright-core $PLAYWRIGHT axe-core $AXE"
if [ "$(cat "$tools/installed" 2>/dev/null)" != "$stamp" ]; then
    echo "== installing $stamp"
    npm install --silent --no-fund --no-audit --no-save --prefix "$tools" "playwright-core@$PLAYWRIGHT" "axe-core@$AXE" ||
        cannot "npm cannot install the tools: is the npm registry reachable?"
    echo "$stamp" >"$tools/installed"
fi
if [ -z "$binary" ]; then
    cargo build || cannot "the program does not build"
    binary=${CARGO_TARGET_DIR:-target}/debug/cofrestr
fi
[ -x "$binary" ] || cannot "$binary is not a program"

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
port=$(python3 - <<'PYTHON'
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
)
[ -n "$port" ] || cannot "no free ports for a demo"
echo "== a demo on port $port"
"$binary" demo --base-port "$port" --data "$work/data" --ready-file "$work/ready.json" --children 12 --clock 2026-11-22T02:10:00Z >"$work/demo.log" 2>&1 &
demo=$!
for _ in $(seq 180); do
    [ -s "$work/ready.json" ] && break
    kill -0 "$demo" 2>/dev/null || break
    sleep 1
done
[ -s "$work/ready.json" ] || { cat "$work/demo.log" >&2; cannot "the demo did not start"; }

echo "== $("$browser" --version 2>/dev/null)"
node tests/pages/walk.mjs "$tools" "$browser" "$work/ready.json" "$screenshots" || exit 1
echo "pages.sh: no findings"
