#!/usr/bin/env bash
# Contract tests by outsiders' tools: is openapi/cofrestr.yaml a correct document, and does a running server do what it says?
#
#   tests/contract.sh [--binary PATH] [--seconds N]
#
# --binary PATH   the program to test (otherwise: cargo build, and the debug binary)
# --seconds N     how long schemathesis asks as a custodian (default 150); each other role gets a fifth of it
#
# Runs openapi-spec-validator, `redocly lint`, `spectral lint` and schemathesis (all checks, all phases) against a demo region with
# invented children, all of it even when one has findings, and tests/cin-validator.sh judges the demo's return to England's census. The
# tools are installed into target/contract, in the versions below; the first run needs a network. Exit code: 0 no findings, 1 findings, 2 it could not run.
set -euo pipefail

SCHEMATHESIS=4.32.5
SPEC_VALIDATOR=0.9.0
REDOCLY=2.77.0
SPECTRAL=6.16.3

cd "$(dirname "$0")/.."
. tests/support/demo.sh
binary=
seconds=150
while [ $# -gt 0 ]; do
    case "$1" in
    --binary) binary=$(realpath "${2:?--binary needs a path}") && shift 2 ;;
    --seconds) seconds=${2:?--seconds needs a number} && shift 2 ;;
    *) cannot "unknown argument $1; see the head of this file" ;;
    esac
done

command -v python3 >/dev/null || cannot "python3 is missing: install Python 3.10 or later with its venv module (Debian: apt install python3-venv)"
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    cannot "python3 is older than 3.10 or has no venv module (Debian: apt install python3-venv)"
command -v npm >/dev/null || cannot "npm is missing: install Node.js 20 or later (https://nodejs.org)"

tools=$PWD/target/contract
mkdir -p "$tools"
stamp="schemathesis $SCHEMATHESIS openapi-spec-validator $SPEC_VALIDATOR redocly $REDOCLY spectral $SPECTRAL"
if [ "$(cat "$tools/installed" 2>/dev/null)" != "$stamp" ]; then
    echo "== installing $stamp"
    python3 -m venv --clear "$tools/venv" || cannot "the Python environment cannot be made in $tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check \
        "schemathesis==$SCHEMATHESIS" "openapi-spec-validator==$SPEC_VALIDATOR" || cannot "pip cannot install the tools: is PyPI reachable?"
    npm install --silent --no-fund --no-audit --no-save --prefix "$tools" "@redocly/cli@$REDOCLY" \
        "@stoplight/spectral-cli@$SPECTRAL" || cannot "npm cannot install @redocly/cli and @stoplight/spectral-cli: is the npm registry reachable?"
    echo "$stamp" >"$tools/installed"
fi

built

findings=()

echo "== the document that is kept is the program's"
"$binary" openapi >"$work/served.yaml" || cannot "$binary does not print the document"
diff -u openapi/cofrestr.yaml "$work/served.yaml" || findings+=("openapi/cofrestr.yaml (write it anew: cofrestr openapi > openapi/cofrestr.yaml)")

echo "== openapi-spec-validator"
"$tools/venv/bin/openapi-spec-validator" openapi/cofrestr.yaml || findings+=(openapi-spec-validator)

echo "== redocly lint"
REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
    "$tools/node_modules/.bin/redocly" lint openapi/cofrestr.yaml --config openapi/redocly.yaml --format stylish || findings+=(redocly)

echo "== spectral lint"
"$tools/node_modules/.bin/spectral" lint openapi/cofrestr.yaml --ruleset openapi/spectral.yaml --fail-severity hint || findings+=(spectral)

demo "$work/data" --children 40
of_region() { python3 -c 'import json, sys; region = json.load(open(sys.argv[1]))["regions"][0]; print(eval(sys.argv[2]))' "$ready" "$1"; }
url=$(of_region 'region["url"]')

echo "== the census of children in need, by the sector's own validator"
judged=0
"$binary" statistics cin-plans --config "$work/data/west-midlands/config.toml" --authority E08000025 --on 2026-03-31 >"$work/cin.xml" &&
    tests/cin-validator.sh "$work/cin.xml" || judged=$?
[ "$judged" -ne 2 ] || cannot "the census cannot be judged"
[ "$judged" -eq 0 ] || findings+=("cin-validator (exit code $judged)")

# ask ROLE SECONDS: everything the document offers, as somebody in that role. What a role may not do must be refused as documented.
ask() {
    local token status=0
    token=$(of_region "region['tokens']['$1']")
    echo "== schemathesis, as $1"
    (cd "$work" && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$OLDPWD/openapi" SCHEMATHESIS_HOOKS=schemathesis_hooks \
        "$tools/venv/bin/schemathesis" --config-file "$OLDPWD/openapi/schemathesis.toml" run "$url/openapi.json" \
        --header "Authorization: Bearer $token" --checks all --phases examples,coverage,fuzzing,stateful --max-time "$2") || status=$?
    [ "$status" -eq 0 ] || findings+=("schemathesis as $1 (exit code $status)")
}
ask custodian "$seconds"
for role in emergency-duty coordinator partner-health auditor operator; do
    ask "$role" $((seconds / 5))
done
kill -0 "$demo" 2>/dev/null || findings+=("the demo ended while it was asked")
ready=$(python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1] + "/health/ready", timeout=30).status)' "$url" || true)
[ "$ready" = 200 ] || findings+=("the region is not ready after it was asked")

if [ ${#findings[@]} -gt 0 ]; then
    printf 'contract.sh: findings of %s\n' "${findings[@]}" >&2
    exit 1
fi
echo "contract.sh: no findings"
