// A partner's program on the types that npm `openapi-typescript` generates from openapi/cofrestr.yaml, with npm `openapi-fetch`.
//
// client.js URL PARTNER-TOKEN CUSTODIAN-TOKEN: asks about an invented child, moves another to the next authority and reads the move.
import createClient from 'openapi-fetch';
import type { paths } from './schema.js';

const [, , baseUrl, partnerToken, custodianToken] = process.argv;
const as = (token: string) => createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const partner = as(partnerToken);
const custodian = as(custodianToken);
const key = () => ({ header: { 'Idempotency-Key': crypto.randomUUID() } });

function there<T>(data: T | undefined, error: unknown): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

const asked = await partner.POST('/v1/checks', {
  params: key(),
  body: { reason: 'hospital-attendance', child: { nhsNumber: '9990001006' } },
});
const answer = there(asked.data, asked.error);
if (answer.outcome !== 'on-register' || !answer.matches[0]?.contact?.now.phone) throw new Error(`not found: ${answer.outcome}`);
const again = await partner.GET('/v1/checks/{id}', { params: { path: { id: answer.id } } });
if (there(again.data, again.error).id !== answer.id) throw new Error('another check');

const entries = await custodian.GET('/v1/registrations', { params: { query: { limit: 50 } } });
let moved: string | undefined;
let refused: unknown;
for (const entry of there(entries.data, entries.error).items) {
  const to = entry.authority === 'W06000018' ? 'W06000022' : 'W06000018';
  const { data, error } = await custodian.POST('/v1/transfers', {
    params: key(),
    body: { registrationId: entry.id, to, note: 'A tenancy from 1 December' },
  });
  if (data) {
    moved = data.id;
    break;
  }
  refused = error;
}
if (!moved) throw new Error(`nobody can move: ${JSON.stringify(refused)}`);
const read = await custodian.GET('/v1/transfers/{id}', { params: { path: { id: moved } } });
console.log(`openapi-fetch: ${answer.outcome}, and a move to ${there(read.data, read.error).to.code}`);
