#!/usr/bin/env bash
# What partners build on, judged by public libraries: does the FHIR face of a running region speak FHIR?
#
#   tests/partners.sh [--binary PATH]
#
# --binary PATH   the program to test (otherwise: cargo build, and the debug binary)
#
# Starts a demo, gets a token as the hospital's system does in the README, asks about the demo's children through the FHIR face,
# and validates every resource and every error with npm `fhir`, PyPI `fhirkit-rs` (both R4) and
# PyPI `fhir.resources` (R4B). The tools are installed
# into target/partners, in the versions below; the first run needs a network. Exit code: 0 no findings, 1 findings, 2 it could
# not run.
set -euo pipefail

FHIR_NPM=4.12.0
FHIR_PYPI=8.3.0
FHIRKIT_PYPI=0.1.0

cannot() {
    echo "partners.sh: $1" >&2
    exit 2
}

cd "$(dirname "$0")/.."
binary=
while [ $# -gt 0 ]; do
    case "$1" in
    --binary) binary=$(realpath "${2:?--binary needs a path}") && shift 2 ;;
    *) cannot "unknown argument $1; see the head of this file" ;;
    esac
done

for program in python3 npm node curl openssl; do
    command -v "$program" >/dev/null || cannot "$program is missing"
done
tools=$PWD/target/partners
mkdir -p "$tools"
stamp="fhir $FHIR_NPM fhir.resources $FHIR_PYPI fhirkit-rs $FHIRKIT_PYPI"
if [ "$(cat "$tools/installed" 2>/dev/null)" != "$stamp" ]; then
    echo "== installing $stamp"
    python3 -m venv --clear "$tools/venv" || cannot "the Python environment cannot be made in $tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check "fhir.resources==$FHIR_PYPI" "fhirkit-rs==$FHIRKIT_PYPI" ||
        cannot "pip cannot install the tools: is PyPI reachable?"
    npm install --silent --no-fund --no-audit --no-save --prefix "$tools" "fhir@$FHIR_NPM" || cannot "npm cannot install fhir: is the npm registry reachable?"
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
"$binary" demo --base-port "$port" --data "$work/data" --ready-file "$work/ready.json" --children 12 >"$work/demo.log" 2>&1 &
demo=$!
for _ in $(seq 180); do
    [ -s "$work/ready.json" ] && break
    kill -0 "$demo" 2>/dev/null || break
    sleep 1
done
[ -s "$work/ready.json" ] || { cat "$work/demo.log" >&2; cannot "the demo did not start"; }

url=http://127.0.0.1:$port
folder=$work/data/gwent
token=$(docs/examples/token.sh "$url" "$(cat "$folder/partner-client.id")" "$folder/partner-client.pem" demo nurse-17 S0010:G0020:R8001)
[ -n "$token" ] || cannot "no token was issued"

mkdir "$work/fhir"
# save NAME STATUS CURL-ARGUMENTS…: keeps an answer, which must have this status.
findings=()
save() {
    local name=$1 status=$2 got
    shift 2
    got=$(curl -sS -g -o "$work/fhir/$name.json" -w '%{http_code}' -H "Authorization: Bearer $token" -H 'X-Check-Reason: hospital-attendance' "$@")
    [ "$got" = "$status" ] || findings+=("$name answered $got, not $status")
}
fhir=$url/FHIR/R4
number() { printf 'https://fhir.nhs.uk/Id/nhs-number|%s' "$1"; }
patient='{"resourceType":"Patient","name":[{"family":"Llewelyn","given":["Shan"]}],"birthDate":"2017-05-09"}'
save metadata 200 "$fhir/metadata"
save match 200 "$fhir/Patient/\$match" -H 'Content-Type: application/fhir+json' -d "$patient"
save match-none 200 "$fhir/Patient/\$match" -H 'Content-Type: application/fhir+json' -d '{"resourceType":"Patient","name":[{"family":"Tremain","given":["Peredur"]}],"birthDate":"2016-06-21"}'
for child in 9990001006 9990003025 9990005044; do
    save "flags-$child" 200 "$fhir/Flag/_search" --data-urlencode "patient:identifier=$(number "$child")"
    save "careteam-$child" 200 "$fhir/CareTeam?patient:identifier=$(number "$child")" -H 'IsUnscheduledAccessEvent: true'
    save "auditevent-$child" 200 "$fhir/AuditEvent?patient:identifier=$(number "$child")" -H "TraceID: $(python3 -c 'import uuid; print(uuid.uuid4())')"
done
flag=$(python3 -c 'import json, sys; print(next(e["resource"]["id"] for e in json.load(open(sys.argv[1]))["entry"] if e["resource"]["resourceType"] == "Flag"))' "$work/fhir/flags-9990001006.json")
for kind in Patient Flag CarePlan CareTeam; do
    save "read-$kind" 200 "$fhir/$kind/$flag"
done
save error-number 400 "$fhir/CareTeam?patient:identifier=$(number 9990001007)"
save error-url 400 "$fhir/Flag?patient:identifier=$(number 9990001006)"
save error-match 422 "$fhir/Patient/\$match" -H 'Content-Type: application/fhir+json' -d '{"resourceType":"Patient"}'
save error-read 404 "$fhir/Flag/nothing"

echo "== npm fhir"
node tests/partners/validate.mjs "$tools" "$work"/fhir/*.json || findings+=("npm fhir")
echo "== PyPI fhirkit-rs, fhir.resources"
"$tools/venv/bin/python" tests/partners/validate.py "$work"/fhir/*.json || findings+=("PyPI fhirkit-rs, fhir.resources")

echo "== and they do find what is wrong"
echo '{"resourceType":"Flag","status":"waving","subject":"somebody"}' >"$work/wrong.json"
! node tests/partners/validate.mjs "$tools" "$work/wrong.json" >/dev/null || findings+=("npm fhir finds nothing wrong with anything")
! "$tools/venv/bin/python" tests/partners/validate.py "$work/wrong.json" >/dev/null || findings+=("PyPI finds nothing wrong with anything")

if [ ${#findings[@]} -gt 0 ]; then
    printf 'partners.sh: finding: %s\n' "${findings[@]}" >&2
    exit 1
fi
echo "partners.sh: no findings"
