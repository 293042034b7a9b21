// Validates FHIR resources, one file each, with the public library `fhir` (R4): structure, cardinality, types, value sets.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [, , modules, ...files] = process.argv;
const { Fhir } = createRequire(`${modules}/package.json`)('fhir/fhir');
const fhir = new Fhir();
let failed = false;

function validate(name, resource) {
  const { messages } = fhir.validate(resource, { errorOnUnexpected: true });
  for (const { severity, location, message } of messages.filter((one) => ['error', 'fatal'].includes(one.severity))) {
    console.log(`${name}: ${severity} at ${location}: ${message}`);
    failed = true;
  }
}

for (const file of files) {
  const resource = JSON.parse(readFileSync(file, 'utf8'));
  validate(`${file} ${resource.resourceType}`, resource);
  for (const { resource: inner } of resource.entry ?? []) validate(`${file} ${inner.resourceType}`, inner);
}
console.log(`fhir (npm): ${files.length} documents`);
process.exit(failed ? 1 : 0);
