// A real OpenID provider for the walks: `node provider.mjs TOOLS FOLDER PORT HOME`. Its keys are new each time it starts.
//
// Everybody signs in with any password, on pages of the provider's own; who they are stands below. FOLDER has `tls.pem`, `tls-key.pem`
// and `client.jwk.json`, the public half of the key with which the pages say who they are as the client `pages-by-key`.
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [tools, folder, port, home] = process.argv.slice(2);
const require = createRequire(`${tools}/package.json`);
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")).href);

const newport = { code: "W06000022", name: "Newport children's services" };
const people = {
  nia: { name: "Nia Rhys", groups: ["All staff", "CP-EDT"], region: "gwent", organisation: newport },
  carys: { name: "Carys Mathias", groups: ["CP-CUSTODIAN"], region: "gwent", organisation: newport },
  olwen: { name: "Olwen Prys", groups: ["All staff"], region: "gwent", organisation: newport },
  both: { name: "Both Ways", groups: ["CP-EDT", "CP-CUSTODIAN"], region: "gwent", organisation: newport },
  north: { name: "Gwynedd North", groups: ["CP-EDT"], region: "north-wales", organisation: newport },
};

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const kid = `key-${Date.now()}`;
const jwk = { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" };
const { privateKey: rsa } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const client = {
  redirect_uris: [`${home}/sign-in/return`],
  post_logout_redirect_uris: [`${home}/signed-out`],
  response_types: ["code"],
  grant_types: ["authorization_code"],
};
const provider = new Provider(`https://localhost:${port}`, {
  clients: [
    { ...client, client_id: "pages", client_secret: readFileSync(`${folder}/client.secret`, "utf8"), id_token_signed_response_alg: "ES256" },
    {
      ...client,
      client_id: "pages-by-key",
      token_endpoint_auth_method: "private_key_jwt",
      jwks: { keys: [JSON.parse(readFileSync(`${folder}/client.jwk.json`, "utf8"))] },
    },
  ],
  jwks: { keys: [jwk, { ...rsa.export({ format: "jwk" }), kid: `${kid}-rsa`, use: "sig", alg: "RS256" }] },
  claims: { openid: ["sub"], profile: ["name", "groups", "region", "organisation"] },
  conformIdTokenClaims: false,
  cookies: { keys: [kid] },
  pkce: { required: () => true },
  // A code that is not brought back at once is none any more: the walk waits for that.
  ttl: { AuthorizationCode: 5, AccessToken: 60, IdToken: 60, Grant: 3600, Interaction: 600, Session: 3600 },
  findAccount: (_, id) => people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
  features: { rpInitiatedLogout: { enabled: true } },
});
createServer({ key: readFileSync(`${folder}/tls-key.pem`), cert: readFileSync(`${folder}/tls.pem`) }, provider.callback()).listen(
  Number(port),
  "127.0.0.1",
  () => console.log("listening"),
);
