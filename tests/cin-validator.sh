#!/bin/sh
# Judges a children-in-need return by the sector's own validator (csc-validator-be-cin on PyPI).
#
#   tests/cin-validator.sh [FILE [RULESET]]      default: tests/returns/cin.xml, cin2025_26
#
# The return of a demo region:
#
#   cofrestr statistics cin-plans --config DATA/west-midlands/config.toml --authority E08000025 --on 2026-03-31 > cin.xml
#   tests/cin-validator.sh cin.xml
#
# Installs the validator under target/ once (needs Python 3.10 or 3.11 with venv, and the network the first time). Prints what it
# found; the exit code is 1 for an error of the census, 2 when it could not be judged, 0 otherwise: queries are questions to
# answer, not faults. tests/contract.sh judges the return of its demo with it.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
file=$(realpath -- "${1:-$root/tests/returns/cin.xml}")
ruleset=${2:-cin2025_26}
home=${CARGO_TARGET_DIR:-$root/target}/cin-validator

if [ ! -f "$home/ready" ]; then
    python=
    for one in python3.11 python3.10 python3; do
        if "$one" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)))' 2>/dev/null; then
            python=$one
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "cin-validator.sh: no Python 3.10 or 3.11 with its venv module: the validator's pandas is built for no later one" >&2
        exit 2
    fi
    "$python" -m venv --clear "$home/venv"
    # It wants pandas 1.5, which was built before numpy 2, and needs pytest to be imported at all.
    "$home/venv/bin/pip" install --quiet 'csc-validator-be-cin==0.1.13' 'numpy<2' pytest || {
        echo "cin-validator.sh: the validator cannot be installed: is PyPI reachable?" >&2
        exit 2
    }
    touch "$home/ready"
fi

cd "$home"
exec "$home/venv/bin/python" -W ignore - "$file" "$ruleset" <<'PYTHON'
import importlib
import sys
import xml.etree.ElementTree as tree

from cin_validator import cin_validator

name, ruleset = sys.argv[1:]
raw = cin_validator.convert_data(tree.parse(name).getroot())
registry = importlib.import_module(f"cin_validator.rules.{ruleset}").registry
known = dict(registry.items())
found = cin_validator.CinValidator(cin_validator.process_data(raw), registry, selected_rules=None)

errors = queries = 0


def told(code, rest):
    global errors, queries
    query = str(code).endswith("Q")
    errors += not query
    queries += query
    print(f"{'query' if query else 'ERROR'} {code}: {known[code].message if code in known else ''} {rest}".rstrip())


issues = found.full_issue_df
if len(issues):
    for code, group in issues.groupby("rule_code"):
        told(code, "children: " + ", ".join(sorted(set(map(str, group["child_id"])))))
# Of the header and of the return as a whole: the validator keeps them apart.
for code in sorted({str(issue[key]) for issue in found.multichild_issues.to_dict("records") for key in issue if "code" in key.lower()}):
    told(code, "the whole return")
plans = len(raw["ChildProtectionPlans"])
print(f"{len(known)} rules of {ruleset}, {len(raw['ChildIdentifiers'])} children, {plans} plans: {errors} errors, {queries} queries")
sys.exit(1 if errors else 0)
PYTHON
