#!/usr/bin/env bash
# The pages as people use them: a real browser, the smallest screen, the keyboard alone, no JavaScript, both languages.
#
#   tests/pages.sh [--binary PATH] [--screenshots FOLDER]
#
# --binary PATH          the program to test (otherwise: cargo build, and the debug binary)
# --screenshots FOLDER   where to keep pictures of the main pages (otherwise: target/pages/screenshots)
#
# Starts a demo and walks its pages in Chromium with npm `playwright-core`: signing in, asking, the four outcomes, a hit that comes
# late, a session that ends, a connection that is lost, the morning. Measures the answer page beside the bare check, by turns. Then a
# region that is no sandbox, with HTTPS, and npm `oidc-provider` beside it as its identity provider: signing in and out, and everything
# that must not let anybody in. npm `axe-core` judges every page by WCAG 2.2 A and AA. The tools are installed into target/pages, in the
# versions below; the first run needs a network. Chromium is taken from the machine, or installed with its package manager when that is
# allowed. Exit code: 0 no findings, 1 findings, 2 it could not run.
set -euo pipefail

PLAYWRIGHT=1.65.1
AXE=4.13.0
PROVIDER=9.13.3

cd "$(dirname "$0")/.."
. tests/support/demo.sh
binary=
screenshots=$PWD/target/pages/screenshots
while [ $# -gt 0 ]; do
    case "$1" in
    --binary) binary=$(realpath "${2:?--binary needs a path}") && shift 2 ;;
    --screenshots) screenshots=$(realpath -m "${2:?--screenshots needs a folder}") && shift 2 ;;
    *) cannot "unknown argument $1; see the head of this file" ;;
    esac
done

needs npm node python3 openssl
browsing
tools=$PWD/target/pages
mkdir -p "$tools" "$screenshots"
stamp="playwright-core $PLAYWRIGHT axe-core $AXE oidc-provider $PROVIDER"
if [ "$(cat "$tools/installed" 2>/dev/null)" != "$stamp" ]; then
    echo "== installing $stamp"
    npm install --silent --no-fund --no-audit --no-save --prefix "$tools" "playwright-core@$PLAYWRIGHT" "axe-core@$AXE" "oidc-provider@$PROVIDER" ||
        cannot "npm cannot install the tools: is the npm registry reachable?"
    echo "$stamp" >"$tools/installed"
fi
built

demo "$work/data" --children 12 --clock 2026-11-22T02:10:00Z

echo "== $("$browser" --version 2>/dev/null)"
found=0
node tests/pages/walk.mjs "$tools" "$browser" "$screenshots" "$ready" || found=1
echo "== the answer page beside the bare check"
node tests/pages/figures.mjs "$ready" || found=1
echo "== a region with an identity provider"
node tests/pages/sign-in.mjs "$tools" "$browser" "$screenshots" "$binary" "$work" "$((port + 200))" || found=1
[ "$found" = 0 ] || exit 1
echo "pages.sh: no findings"
