// Walks signing in through a real OpenID provider, to a region that is no sandbox:
// `node sign-in.mjs TOOLS BROWSER SCREENSHOTS PROGRAM FOLDER PORT`. See tests/pages.sh.
import { execFileSync, spawn } from "node:child_process";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { fill, open } from "./browser.mjs";

const [tools, executable, screenshots, program, work, first] = process.argv.slice(2);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = `${work}/sign-in`;
const home = `https://localhost:${first}`;
const issuer = `https://localhost:${Number(first) + 1}`;
const SECRET = "a secret that the provider and the pages share, and nobody else";
const PATIENCE_MS = 60_000;
const CODE_LASTS_MS = 5_000;
mkdirSync(folder);

// One certificate for both: the region believes the provider because of it, as it would because of a public authority.
execFileSync("openssl", [
  ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split(" "),
  ..."-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE".split(" "),
  ...["-keyout", `${folder}/tls-key.pem`, "-out", `${folder}/tls.pem`],
], { stdio: "ignore" });
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
writeFileSync(`${folder}/client-key.pem`, privateKey.export({ type: "pkcs8", format: "pem" }));
const half = createPublicKey(privateKey).export({ format: "jwk" });
writeFileSync(`${folder}/client.jwk.json`, JSON.stringify({ ...half, kid: "pages-1", use: "sig", alg: "ES256" }));
writeFileSync(`${folder}/client.secret`, SECRET);

const contacts = readFileSync(here("../../config/demo.toml"), "utf8");
const configuration = (proof) => `
[region]
code = "gwent"
[server]
bind = "127.0.0.1:${first}"
public_url = "${home}"
tls_certificate = "${folder}/tls.pem"
tls_key = "${folder}/tls-key.pem"
[database]
url = "sqlite:${folder}/gwent.sqlite"
[keys]
folder = "${folder}/keys"
[limits]
failed_tokens_per_minute = 1000
[log]
level = "warn"
[[issuers]]
issuer = "${issuer}"
audience = "${home}"
jwks_url = "${issuer}/jwks"
[sign_in]
issuer = "${issuer}"
role_claim = "groups"
${proof}
[sign_in.roles]
"CP-EDT" = "emergency-duty"
"CP-CUSTODIAN" = "custodian"
${contacts.slice(contacts.indexOf("[contacts."))}`;
const BY_SECRET = `client_id = "pages"\nclient_secret_file = "${folder}/client.secret"`;
const BY_KEY = `client_id = "pages-by-key"\nclient_key_file = "${folder}/client-key.pem"\nclient_key_id = "pages-1"`;

// A process that is there once it answers, and gone once it is stopped.
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
async function start(command, args, probe, environment = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (part) => (said += part));
  running.add(child);
  child.once("exit", () => running.has(child) && console.error(`${command} ended by itself: ${said}`));
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const answered = await fetchStatus(probe).catch(() => 0);
    if (answered === 200) return child;
    if (child.exitCode !== null || Date.now() > until) throw new Error(`${command} does not answer: ${said}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}
async function stop(child) {
  if (!child || child.exitCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  running.delete(child);
  child.kill("SIGKILL");
  await ended;
}
// The certificate is our own: here it is only looked whether somebody answers.
const { request } = await import("node:https");
const fetchStatus = (url) =>
  new Promise((done, failed) => {
    const asked = request(url, { rejectUnauthorized: false }, (answer) => done(answer.resume().statusCode));
    asked.on("error", failed).end();
  });

let provider;
let server;
const startProvider = async () => {
  provider = await start("node", [here("provider.mjs"), tools, folder, new URL(issuer).port, home], `${issuer}/.well-known/openid-configuration`);
};
const startServer = async (proof) => {
  writeFileSync(`${folder}/config.toml`, configuration(proof));
  server = await start(program, ["serve", "--config", `${folder}/config.toml`], `${home}/health/ready`, { SSL_CERT_FILE: `${folder}/tls.pem` });
};

const site = await open(tools, executable, screenshots);
const { picture } = site;
const visitor = (how) => site.visitor([home, issuer], how);
const judge = (page, name) => site.judge(page, name, ["Nia", "Rhys", "Ffion", "Maddocks"]);
const FFION = { given: "Ffion", family: "Maddocks", "born-day": "7", "born-month": "7", "born-year": "2015" };
const said = (page) => page.locator(".govuk-error-summary").innerText();
const signInButton = (page) => page.locator("form#provider button.govuk-button");

// The provider's own pages: who one is, and that one agrees.
async function atTheProvider(page, person) {
  await page.waitForURL(`${issuer}/**`);
  await page.locator("input[name=login]").fill(person);
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  if (new URL(page.url()).origin === issuer) await page.locator("button[type=submit]").click();
}

async function signIn(page, person) {
  await page.goto(`${home}/sign-in`);
  await signInButton(page).click();
  await atTheProvider(page, person);
}

// What somebody would be sent to who presses the button: without a browser that goes there by itself.
async function departure(page) {
  await page.goto(`${home}/sign-in`);
  const form = { by: "provider", next: "/ask", mark: await page.locator("form#provider input[name=mark]").inputValue() };
  const answer = await page.context().request.post(`${home}/sign-in`, { form });
  assert.equal(answer.status(), 200);
  const address = answer.headers().refresh.replace("0; url=", "");
  assert.ok(address.startsWith(`${issuer}/`));
  return new URL(address);
}

// Signs in at the provider, step by step, and stops before the way back: answers where it leads.
async function wayBack(page, address, person) {
  const { request } = page.context();
  const stepwise = { maxRedirects: 0 };
  let answer = await request.get(address.href, stepwise);
  for (let steps = 0; steps < 12; steps += 1) {
    const place = answer.headers().location && new URL(answer.headers().location, answer.url());
    if (place?.href.startsWith(`${home}/sign-in/return`)) return place;
    if (place) {
      answer = await request.get(place.href, stepwise);
      continue;
    }
    const html = await answer.text();
    const form = /name="prompt" value="login"/.test(html) ? { prompt: "login", login: person, password: "any" } : { prompt: "consent" };
    answer = await request.post(/action="([^"]+)"/.exec(html)[1], { ...stepwise, form });
  }
  return assert.fail("the provider does not lead back");
}

async function isNobody(page) {
  await page.goto(`${home}/ask`);
  assert.equal(page.url(), `${home}/sign-in`, "nobody is signed in");
}

async function inAndOut() {
  for (const javaScriptEnabled of [false, true]) {
    const page = await visitor({ javaScriptEnabled });
    await page.goto(`${home}/`);
    assert.equal(await page.locator(".cofrestr-sandbox").count(), 0, "this is no sandbox");
    assert.equal(await page.locator("input[name=person]").count(), 0, "nobody chooses who they are");
    if (javaScriptEnabled) {
      await judge(page, "sign in with a provider");
      await picture(page, "sign-in-provider-en");
    }
    const policy = new URL((await departure(page)).href).searchParams;
    assert.equal(policy.get("code_challenge_method"), "S256");
    for (const name of ["state", "nonce", "code_challenge"]) assert.ok(policy.get(name).length >= 22, name);
    await signIn(page, "nia");
    await page.waitForURL(`${home}/ask`);
    assert.match(await page.locator("footer").innerText(), /Nia Rhys/);
    const cookie = (await page.context().cookies(home)).find(({ name }) => name === "__Host-cofrestr-session");
    assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path], [true, true, "Lax", "/"]);
    await fill(page, FFION);
    await page.locator("#reason").selectOption("emergency-duty");
    await page.locator("#caller").check();
    await page.locator("form#ask button.govuk-button").click();
    await page.waitForURL(`${home}/answers/*`);
    assert.match(await page.locator(".cofrestr-outcome").getAttribute("class"), /--on-register/);
    await page.locator("form[action='/sign-out'] button").click();
    // The provider asks whether to sign out there too.
    await page.waitForURL(`${issuer}/session/end*`);
    assert.ok(!page.url().includes("id_token_hint"), "who signs out does not stand in the address");
    await page.locator("button[value=yes]").click();
    await page.waitForURL(`${home}/signed-out*`);
    if (javaScriptEnabled) await judge(page, "signed out");
    await isNobody(page);
    // Signed out there too: it asks again who one is.
    await signInButton(page).click();
    await page.locator("input[name=login]").waitFor();
    await page.context().close();
  }
}

async function whatIsTypedComesBack() {
  const page = await visitor();
  await signIn(page, "nia");
  await page.waitForURL(`${home}/ask`);
  await fill(page, FFION);
  await page.context().clearCookies({ name: "__Host-cofrestr-session" });
  await page.locator("form#ask button.govuk-button").click();
  await page.waitForURL(`${home}/ask`);
  await signInButton(page).waitFor();
  await judge(page, "session ended, with a provider");
  await signInButton(page).click();
  await page.waitForURL(`${home}/ask`);
  assert.equal(await page.locator("#family").inputValue(), "Maddocks");
  await page.reload();
  assert.equal(await page.locator("#family").inputValue(), "Maddocks", "it waits until it is sent");
  await page.context().close();
}

// To open a restricted record one shows anew who one is, although the provider knows one from a moment ago.
async function whoOpensShowsAnewWhoTheyAre() {
  const page = await visitor();
  await signIn(page, "nia");
  await page.waitForURL(`${home}/ask`);
  const record = `${home}/children/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11`;
  await page.goto(record);
  assert.equal(await page.locator("form#open").count(), 0, "not before that");
  await judge(page, "show anew who you are");
  await picture(page, "anew-en");
  const anew = page.locator("form#anew button");
  // Another person is not let in by it.
  await anew.click();
  await atTheProvider(page, "carys");
  assert.match(await said(page), /Somebody else signed in/);
  await page.goto(record);
  // Nor does it do to come back without having been asked.
  const form = { by: "provider", anew: "yes", next: new URL(record).pathname, mark: await page.locator("form#anew input[name=mark]").inputValue() };
  const answer = await page.context().request.post(`${home}/sign-in`, { form });
  const address = new URL(answer.headers().refresh.replace("0; url=", ""));
  assert.deepEqual([address.searchParams.get("prompt"), address.searchParams.get("max_age")], ["login", "0"]);
  for (const name of ["prompt", "max_age"]) address.searchParams.delete(name);
  const back = await wayBack(page, address, "nia");
  assert.equal((await page.goto(back.href)).status(), 403);
  assert.match(await said(page), /did not ask you/);
  await page.goto(record);
  await anew.click();
  await atTheProvider(page, "nia");
  await page.waitForURL(record);
  assert.equal(await page.locator("form#open").count(), 1);
  await judge(page, "a record that may not be seen");
  await page.locator("#reason").fill("Found alone at night");
  await page.locator("form#open button").click();
  assert.equal(await page.locator("form#open").count(), 0, "there is no such record, and nothing is opened");
  await page.context().close();
}

async function nobodyWithoutOneRole() {
  for (const person of ["olwen", "both", "north"]) {
    const page = await visitor();
    await signIn(page, person);
    assert.match(await said(page), /no role in this register, or more than one/, person);
    if (person === "olwen") await judge(page, "no role");
    await isNobody(page);
    await page.context().close();
  }
}

async function aWayBackThatIsNotOnesOwn() {
  const other = await visitor();
  await other.goto(`${home}/sign-in`);
  for (const [name, change, stranger] of [
    ["another state", (back) => back.searchParams.set("state", "c29tZXRoaW5nIGVsc2UgYWx0b2dldGhlcg"), false],
    ["another issuer", (back) => back.searchParams.set("iss", "https://evil.example"), false],
    ["another code", (back) => back.searchParams.set("code", "x".repeat(43)), false],
    ["no code", (back) => back.searchParams.delete("code"), false],
    ["a refusal", (back) => { back.searchParams.delete("code"); back.searchParams.set("error", "access_denied"); }, false],
    ["another browser", () => {}, true],
  ]) {
    const page = await visitor();
    const back = await wayBack(page, await departure(page), "nia");
    change(back);
    const at = stranger ? other : page;
    const answer = await at.goto(back.href);
    assert.equal(answer.status(), 403, name);
    assert.ok((await said(at)).length > 20, name);
    await isNobody(at);
    await page.context().close();
  }
  await other.context().close();
}

async function aTokenForAnotherSignIn() {
  const page = await visitor();
  const address = await departure(page);
  address.searchParams.set("nonce", "of-a-token-that-was-stolen-elsewhere");
  await page.goto(address.href);
  await atTheProvider(page, "nia");
  assert.match(await said(page), /could not be verified/);
  await isNobody(page);
  const challenge = await departure(page);
  challenge.searchParams.set("code_challenge", "x".repeat(43));
  await page.goto(challenge.href);
  assert.match(await said(page), /That sign-in is over/, "the code is of whoever set out");
  await isNobody(page);
  await page.context().close();
}

async function aCodeThatIsUsedOrOld() {
  const page = await visitor();
  let back = await wayBack(page, await departure(page), "nia");
  await page.goto(back.href);
  assert.equal(page.url(), `${home}/ask`);
  await page.context().clearCookies({ name: "__Host-cofrestr-session" });
  assert.equal((await page.goto(back.href)).status(), 403);
  assert.match(await said(page), /used already/);
  await isNobody(page);
  const old = await visitor();
  back = await wayBack(old, await departure(old), "nia");
  await new Promise((done) => setTimeout(done, CODE_LASTS_MS + 1_500));
  assert.equal((await old.goto(back.href)).status(), 403);
  assert.match(await said(old), /took too long/);
  await isNobody(old);
  await old.context().close();
  await page.context().close();
}

async function newKeys() {
  await stop(provider);
  await startProvider();
  const page = await visitor();
  const before = await departure(page);
  // After this one set out, so that the server cannot have read the keys on the way.
  await stop(provider);
  await startProvider();
  await page.goto(before.href);
  await atTheProvider(page, "nia");
  await page.waitForURL(`${home}/ask`);
  await page.context().close();
}

async function aKeyInsteadOfASecret() {
  await stop(server);
  await startServer(BY_KEY);
  const page = await visitor();
  assert.equal((await departure(page)).searchParams.get("client_id"), "pages-by-key");
  await signIn(page, "carys");
  await page.waitForURL(`${home}/ask`);
  await page.goto(`${home}/work`);
  await judge(page, "a custodian who came through the provider");
  await page.context().close();
  await stop(server);
  await startServer(BY_SECRET);
}

async function aProviderThatIsAway() {
  const page = await visitor();
  await signIn(page, "nia");
  await page.waitForURL(`${home}/ask`);
  await stop(provider);
  await page.goto(`${home}/ask`);
  assert.equal(page.url(), `${home}/ask`, "whoever is signed in stays signed in");
  await fill(page, FFION);
  await page.context().clearCookies({ name: "__Host-cofrestr-session" });
  await page.locator("form#ask button.govuk-button").click();
  await signInButton(page).click();
  await page.locator(".govuk-error-summary").waitFor();
  assert.equal(page.url(), `${home}/sign-in`, "nobody is sent to a place where nobody is");
  assert.match(await said(page), /does not answer/);
  await judge(page, "the provider is away");
  await picture(page, "provider-away-en");
  // What was typed is still there when it is back.
  await startProvider();
  await signInButton(page).click();
  await atTheProvider(page, "nia");
  await page.waitForURL(`${home}/ask`);
  assert.equal(await page.locator("#family").inputValue(), "Maddocks");
  await page.context().close();
}

const CHILD = "id,given,family,dateOfBirth,sex,postcode,authority,status,registeredOn,categories\nr-1,Ffion,Maddocks,2015-07-07,female,NP20 4QR,W06000022,registered,2026-03-02,neglect\n";
try {
  await startProvider();
  writeFileSync(`${folder}/config.toml`, configuration(BY_SECRET));
  writeFileSync(`${folder}/register.csv`, CHILD);
  for (const command of [["keys", "make"], ["import", `${folder}/register.csv`]]) {
    execFileSync(program, [...command, "--config", `${folder}/config.toml`], { stdio: ["ignore", "ignore", "inherit"] });
  }
  await startServer(BY_SECRET);
  const walks = { inAndOut, whatIsTypedComesBack, whoOpensShowsAnewWhoTheyAre, nobodyWithoutOneRole, aWayBackThatIsNotOnesOwn, aTokenForAnotherSignIn, aCodeThatIsUsedOrOld };
  await site.walkAll({ ...walks, newKeys, aKeyInsteadOfASecret, aProviderThatIsAway }, () => Promise.all([...running].map(stop)));
} finally {
  await Promise.all([...running].map(stop));
}
