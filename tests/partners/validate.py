"""Validates FHIR resources, one file each, with two public libraries: fhirkit-rs (R4) and fhir.resources (R4B, the nearest to
R4 that it keeps)."""

import importlib
import json
import sys

import fhirkit


def findings(name, resource):
    kind = resource.get("resourceType", "nothing")
    for issue in fhirkit.validate(resource):
        yield f"{name} {kind}: fhirkit-rs: {issue}"
    try:
        module = importlib.import_module(f"fhir.resources.R4B.{kind.lower()}")
        getattr(module, kind).model_validate(resource)
    except (ValueError, ImportError) as error:
        yield f"{name} {kind}: fhir.resources: {error}"


found, count = [], 0
for file in sys.argv[1:]:
    with open(file, encoding="utf-8") as text:
        document = json.load(text)
    for resource in [document, *(entry["resource"] for entry in document.get("entry", []))]:
        found.extend(findings(file, resource))
        count += 1
print(*found, f"fhirkit-rs, fhir.resources (PyPI): {count} resources", sep="\n")
sys.exit(bool(found))
