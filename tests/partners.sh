#!/usr/bin/env bash
# What partners build on, judged by public libraries: does the FHIR face of a running region speak FHIR, and do the clients that
# the registries' ordinary generators make of openapi/cofrestr.yaml work?
#
#   tests/partners.sh [--binary PATH]
#
# --binary PATH   the program to test (otherwise: cargo build, and the debug binary)
#
# Starts a demo, gets a token as the hospital's system does in the README, asks about the demo's children through the FHIR face,
# and validates every resource and every error with npm `fhir`, PyPI `fhirkit-rs` (both R4) and
# PyPI `fhir.resources` (R4B). Then it generates a client in Python (`openapi-python-client`) and one in TypeScript
# (`openapi-typescript`, `openapi-fetch`), and each asks about a child and begins a move (tests/partners/client.py, client.ts).
# Last it takes what the region sends to a subscription and verifies it with PyPI `standardwebhooks`, `cryptography` (for Ed25519,
# which the former leaves out) and `cloudevents` (tests/partners/webhooks.py). The tools are installed into target/partners, in the
# versions below; the first run needs a network. Exit code: 0 no findings, 1 findings, 2 it could
# not run.
set -euo pipefail

FHIR_NPM=4.12.0
FHIR_PYPI=8.3.0
FHIRKIT_PYPI=0.1.0
CLIENT_PYPI=0.29.1
WEBHOOKS_PYPI=1.1.0
CLOUDEVENTS_PYPI=2.2.0
CRYPTOGRAPHY_PYPI=50.0.2
OPENAPI_TYPESCRIPT=7.13.0
OPENAPI_FETCH=0.17.0
TYPESCRIPT=5.9.3
TYPES_NODE=26.6.6

cd "$(dirname "$0")/.."
. tests/support/demo.sh
binary=
while [ $# -gt 0 ]; do
    case "$1" in
    --binary) binary=$(realpath "${2:?--binary needs a path}") && shift 2 ;;
    *) cannot "unknown argument $1; see the head of this file" ;;
    esac
done

needs python3 npm node curl openssl
tools=$PWD/target/partners
mkdir -p "$tools"
stamp="fhir $FHIR_NPM fhir.resources $FHIR_PYPI fhirkit-rs $FHIRKIT_PYPI openapi-python-client $CLIENT_PYPI"
stamp+=" standardwebhooks $WEBHOOKS_PYPI cloudevents $CLOUDEVENTS_PYPI cryptography $CRYPTOGRAPHY_PYPI"
stamp+=" openapi-typescript $OPENAPI_TYPESCRIPT openapi-fetch $OPENAPI_FETCH typescript $TYPESCRIPT @types/node $TYPES_NODE"
if [ "$(cat "$tools/installed" 2>/dev/null)" != "$stamp" ]; then
    echo "== installing $stamp"
    python3 -m venv --clear "$tools/venv" || cannot "the Python environment cannot be made in $tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check "fhir.resources==$FHIR_PYPI" "fhirkit-rs==$FHIRKIT_PYPI" \
        "openapi-python-client==$CLIENT_PYPI" "standardwebhooks==$WEBHOOKS_PYPI" "cloudevents==$CLOUDEVENTS_PYPI" \
        "cryptography==$CRYPTOGRAPHY_PYPI" ||
        cannot "pip cannot install the tools: is PyPI reachable?"
    npm install --silent --no-fund --no-audit --no-save --prefix "$tools" "fhir@$FHIR_NPM" "openapi-typescript@$OPENAPI_TYPESCRIPT" \
        "openapi-fetch@$OPENAPI_FETCH" "typescript@$TYPESCRIPT" "@types/node@$TYPES_NODE" || cannot "npm cannot install the tools: is the npm registry reachable?"
    echo "$stamp" >"$tools/installed"
fi
built

demo "$work/data" --children 12

url=http://127.0.0.1:$port
folder=$work/data/gwent
token=$(docs/examples/token.sh "$url" "$(cat "$folder/partner-client.id")" "$folder/partner-client.pem" demo nurse-17 S0010:G0020:R8001)
[ -n "$token" ] || cannot "no token was issued"

mkdir "$work/fhir"
# save NAME STATUS CURL-ARGUMENTS…: keeps an answer, which must have this status.
findings=()
bearer=$token
save() {
    local name=$1 status=$2 got
    shift 2
    got=$(curl -sS -g -o "$work/fhir/$name.json" -w '%{http_code}' -H "Authorization: Bearer $bearer" -H 'X-Check-Reason: hospital-attendance' "$@")
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

custodian=$(cat "$folder/custodian.token")
staff() {
    local bearer=$custodian
    save "$@"
}
alert='{"registrationId":"'$(curl -sS "$url/v1/registrations?limit=1" -H "Authorization: Bearer $custodian" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["items"][0]["id"])')'","path":"child-missing","exercise":true,"details":{"instructions":"Ring us."},"note":"An exercise"}'
raised=$(curl -sS "$url/v1/alerts" -H "Authorization: Bearer $custodian" -H 'Content-Type: application/json' -H 'Idempotency-Key: alert' -d "$alert" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
subscription='{"resourceType":"Subscription","status":"requested","reason":"Alerts","criteria":"Communication","channel":{"type":"rest-hook","endpoint":"https://events.hospital.example/cofrestr"}}'
staff communication 200 "$fhir/Communication/$raised"
staff communications 200 "$fhir/Communication"
staff tasks 200 "$fhir/Task"
staff subscription 201 "$fhir/Subscription" -H 'Content-Type: application/fhir+json' -H 'Idempotency-Key: subscription' -d "$subscription"
staff subscriptions 200 "$fhir/Subscription"
staff error-subscription 422 "$fhir/Subscription" -H 'Content-Type: application/fhir+json' -H 'Idempotency-Key: email' -d "${subscription/rest-hook/email}"

echo "== npm fhir"
node tests/partners/validate.mjs "$tools" "$work"/fhir/*.json || findings+=("npm fhir")
echo "== PyPI fhirkit-rs, fhir.resources"
"$tools/venv/bin/python" tests/partners/validate.py "$work"/fhir/*.json || findings+=("PyPI fhirkit-rs, fhir.resources")

echo "== and they do find what is wrong"
echo '{"resourceType":"Flag","status":"waving","subject":"somebody"}' >"$work/wrong.json"
! node tests/partners/validate.mjs "$tools" "$work/wrong.json" >/dev/null || findings+=("npm fhir finds nothing wrong with anything")
! "$tools/venv/bin/python" tests/partners/validate.py "$work/wrong.json" >/dev/null || findings+=("PyPI finds nothing wrong with anything")

echo "== a client in Python"
"$tools/venv/bin/openapi-python-client" generate --path openapi/cofrestr.yaml --meta none --config tests/partners/openapi-python-client.yaml --output-path "$work/cofrestr_client" >"$work/generated.log" 2>&1 ||
    { cat "$work/generated.log" && findings+=("openapi-python-client generates no client"); }
# Wherever a body has two forms, as that of addImport has, its template takes the body for optional and forgets to import `Unset`; nothing in
# a document but an optional parameter would make it remember. What it sends is CSV.
sed -i 's/^from \.\.\.types import Response, UNSET$/&, Unset/' "$work/cofrestr_client/api/imports/add_import.py"
# It says what it leaves out: nothing may be.
! grep -iE "unable|unsupported|cannot parse|not supported" "$work/generated.log" || findings+=("openapi-python-client leaves something out")
PYTHONPATH=$work "$tools/venv/bin/python" tests/partners/client.py "$url" "$token" "$custodian" || findings+=("the client in Python")

echo "== a client in TypeScript"
rm -rf "$tools/client" && mkdir "$tools/client"
cp tests/partners/client.ts "$tools/client/"
echo '{"type": "module"}' >"$tools/client/package.json"
if "$tools/node_modules/.bin/openapi-typescript" openapi/cofrestr.yaml --output "$tools/client/schema.d.ts" >"$work/types.log" 2>&1 &&
    "$tools/node_modules/.bin/tsc" --strict --noEmitOnError --skipLibCheck --target es2022 --lib es2022,dom --module nodenext \
        --typeRoots "$tools/node_modules/@types" --types node \
        --outDir "$tools/client" "$tools/client/client.ts"; then
    node "$tools/client/client.js" "$url" "$token" "$custodian" || findings+=("the client in TypeScript")
else
    cat "$work/types.log"
    findings+=("the client in TypeScript does not compile")
fi

echo "== webhooks, by standardwebhooks and cloudevents"
"$tools/venv/bin/python" tests/partners/webhooks.py "$url" "$token" "$custodian" || findings+=("webhooks, by standardwebhooks and cloudevents")

if [ ${#findings[@]} -gt 0 ]; then
    printf 'partners.sh: finding: %s\n' "${findings[@]}" >&2
    exit 1
fi
echo "partners.sh: no findings"
