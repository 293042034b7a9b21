// Walks the pages of a demo in a browser: `node walk.mjs TOOLS BROWSER SCREENSHOTS READY-FILE`. See tests/pages.sh.
import { readFileSync } from "node:fs";
import crypto from "node:crypto";
import assert from "node:assert/strict";
import { SMALLEST, fill, open } from "./browser.mjs";

const [tools, executable, screenshots, readyFile] = process.argv.slice(2);
const ready = JSON.parse(readFileSync(readyFile, "utf8"));
const region = (code) => ready.regions.find((found) => found.code === code).url;
const home = region("gwent");
// A region notices within seconds that another is back; a busy machine may take longer.
const LATE_MS = 60_000;
const PERSONAL = ["Llewel", "Tremain", "Osei", "Peredur", "Amara"];

const site = await open(tools, executable, screenshots);
const { picture } = site;
const visitor = (how) => site.visitor([home], how);
const judge = (page, name) => site.judge(page, name, PERSONAL);

async function signIn(page, person) {
  await page.goto(`${home}/`);
  await page.locator(`input[name=person][value=${person}]`).check();
  await page.locator("form#sign-in button.govuk-button").click();
}

async function ask(page, typed, reason = "hospital-attendance") {
  await page.goto(`${home}/ask`);
  await fill(page, typed);
  await page.locator("#reason").selectOption(reason);
  await page.locator("form#ask button.govuk-button").click();
  await page.waitForURL(/\/answers\/[0-9a-f-]{36}$/);
}

const SIAN = { given: "Shan", family: "Llewelyn", "born-day": "9", "born-month": "5", "born-year": "2017" };
const PEREDUR = { given: "Peredur", family: "Tremain", "born-day": "21", "born-month": "6", "born-year": "2016" };
// Somebody of nearly that name, born in another year.
const POSSIBLE = { given: "Sian", family: "Llewellyn", "born-year": "2013" };
const outcome = (page) => page.locator(".cofrestr-outcome").getAttribute("class");

// By keyboard alone, without JavaScript, on the smallest screen.
async function byKeyboard() {
  const page = await visitor({ javaScriptEnabled: false });
  const focus = () => page.locator(":focus");
  const tabTo = async (id) => {
    for (let presses = 0; presses < 80; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await focus().count()) && (await focus().getAttribute("id")) === id) return;
    }
    assert.fail(`${id} is not reached with the keyboard`);
  };
  await page.goto(`${home}/`);
  await tabTo("person");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${home}/ask`);
  await page.keyboard.press("Tab");
  assert.equal(await focus().getAttribute("href"), "#main", "the first stop skips to the main content");
  for (const [id, text] of Object.entries(SIAN)) {
    await tabTo(id);
    await page.keyboard.type(text);
  }
  // Enter asks; it never switches the language. The reason is missing, and everything typed is kept.
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".govuk-error-summary a").getAttribute("href"), "#reason");
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  assert.equal(await page.locator("#family").inputValue(), "Llewelyn");
  await tabTo("reason");
  await page.keyboard.type("The child is at");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.match(await outcome(page), /--on-register/);
  const call = page.locator(".cofrestr-call__number");
  assert.match(await call.getAttribute("href"), /^tel:[0-9]+$/);
  assert.ok((await call.boundingBox()).y < 2 * SMALLEST.height, "the number stands near the top");
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= SMALLEST.width, "nothing is too wide");
  await page.context().close();
}

// Every page and every outcome in both languages, judged.
async function everyOutcome(locale) {
  const page = await visitor({ locale });
  const tag = locale.slice(0, 2);
  await page.goto(`${home}/`);
  assert.equal(await page.locator("html").getAttribute("lang"), tag);
  await judge(page, `sign-in ${tag}`);
  await picture(page, `sign-in-${tag}`);
  await signIn(page, "partner-health");
  await judge(page, `ask ${tag}`);
  await picture(page, `ask-${tag}`);
  await page.locator("#birth-unborn").check();
  await judge(page, `ask, unborn ${tag}`);
  await page.locator("#birth").check();
  await fill(page, { ...SIAN, "born-month": "13", number: "9990001007" });
  await page.locator("form#ask button.govuk-button").click();
  await page.locator(".govuk-error-summary").waitFor();
  await judge(page, `ask, mistakes ${tag}`);
  await picture(page, `mistakes-${tag}`);
  // The switch keeps the page and what was typed, there and back.
  for (const language of [tag === "cy" ? "en" : "cy", tag]) {
    await page.locator("button[name=language]").click();
    assert.equal(await page.locator("html").getAttribute("lang"), language);
    assert.equal(await page.locator("#family").inputValue(), "Llewelyn");
  }
  await ask(page, SIAN);
  assert.match(await outcome(page), /--on-register/);
  await judge(page, `on-register ${tag}`);
  await picture(page, `on-register-${tag}`);
  await page.setViewportSize({ width: 1100, height: 800 });
  await judge(page, `on-register, wide ${tag}`);
  await page.setViewportSize(SMALLEST);
  await page.emulateMedia({ media: "print" });
  assert.ok(!(await page.locator(".cofrestr-header__nav").isVisible()), "print shows no navigation");
  await page.emulateMedia({ media: "screen" });
  await ask(page, PEREDUR);
  assert.match(await outcome(page), /--not-on-register/);
  await judge(page, `not-on-register ${tag}`);
  await picture(page, `not-on-register-${tag}`);
  await page.goto(`${home}/answers/nothing`);
  await judge(page, `nothing there ${tag}`);
  await page.context().close();
}

// Emergency duty staff say for whom they ask.
async function forACaller() {
  const page = await visitor();
  await signIn(page, "emergency-duty");
  await fill(page, SIAN);
  await page.locator("#reason").selectOption("hospital-attendance");
  await page.locator("#caller-other").check();
  await judge(page, "ask, for a caller");
  await fill(page, {
    "caller-name": "Ann Price",
    "caller-agency": "Royal Gwent Hospital",
    "caller-role": "staff nurse",
    "caller-number": "01632 960123",
  });
  await page.locator("form#ask button.govuk-button").click();
  await page.locator(".govuk-error-summary").waitFor();
  assert.equal(await page.locator(".govuk-error-summary a").getAttribute("href"), "#caller-method");
  await judge(page, "ask, caller not verified");
  await page.locator("#caller-method").selectOption("switchboard-call-back");
  await page.locator("form#ask button.govuk-button").click();
  await page.waitForURL(`${home}/answers/*`);
  assert.match(await outcome(page), /--on-register/);
  await page.context().close();
}

// A region that is silent, and answers later.
async function aLateHit() {
  const fault = (mode) =>
    fetch(`${region("west-midlands")}/sandbox/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ mode }),
    });
  const child = ready.children.find(({ given, family }) => given === "Amara" && family === "Osei");
  const [year, month, day] = child.dateOfBirth.split("-");
  const page = await visitor({ javaScriptEnabled: false });
  await signIn(page, "partner-health");
  await fault("down");
  await ask(page, { given: child.given, family: child.family, "born-day": day, "born-month": month, "born-year": year });
  assert.match(await outcome(page), /--indeterminate/);
  assert.ok(await page.locator(".cofrestr-call__number[href^='tel:']").count(), "the silent region's number stands at the top");
  assert.ok(await page.locator(".cofrestr-regions a[href^='tel:']").count(), "and beside the region");
  assert.ok(await page.locator(".govuk-tag--red").count(), "the silent region is named");
  await picture(page, "indeterminate-en");
  const address = page.url();
  await page.locator("a[href='?watch=no']").click();
  assert.equal((await page.reload()).headers().refresh, undefined, "the looking again can be stopped");
  const looking = await page.goto(address);
  assert.match(looking.headers().refresh, /^10; url=\/answers\/[0-9a-f-]{36}\?look=again$/);
  await fault("none");
  // Nobody touches anything: the page finds out by itself.
  await page.locator(".cofrestr-outcome--on-register").waitFor({ timeout: LATE_MS });
  assert.match(await page.title(), /^New answer/);
  assert.equal(await page.locator(".govuk-notification-banner[role=alert]").count(), 1);
  await picture(page, "late-hit-en");
  const judging = await visitor();
  await judging.context().addCookies(await page.context().cookies());
  await judging.goto(address);
  await judge(judging, "late hit");
  await judging.context().close();
  await page.context().close();
}

// Whoever is signed out while typing loses nothing.
async function aSessionThatEnds() {
  const page = await visitor({ javaScriptEnabled: false });
  await signIn(page, "partner-health");
  const other = await page.context().newPage();
  await fill(page, SIAN);
  await other.goto(`${home}/ask`);
  await other.locator("form[action='/sign-out'] button").click();
  await page.locator("form#ask button.govuk-button").click();
  await page.locator("input[name=person][value=partner-health]").check();
  await picture(page, "session-ended-en");
  await page.locator("form#sign-in button.govuk-button").click();
  assert.equal(await page.locator("#family").inputValue(), "Llewelyn");
  await page.context().close();
}

// Nobody loses what they typed because a train went into a tunnel, and nobody is asked about twice.
async function aLostConnection() {
  const page = await visitor();
  await signIn(page, "partner-health");
  await fill(page, { ...SIAN, number: "999 000 1006" });
  await page.locator("#reason").selectOption("hospital-attendance");
  await page.context().setOffline(true);
  await page.locator("form#ask button.govuk-button").click();
  await page.locator("#no-connection").waitFor();
  assert.equal(page.url(), `${home}/ask`);
  assert.equal(await page.locator("#family").inputValue(), "Llewelyn");
  await judge(page, "no connection");
  await picture(page, "no-connection-en");
  // Still none: it says so as often as it is tried.
  await page.waitForTimeout(1_200);
  await page.locator("form#ask button.govuk-button").click();
  assert.equal(page.url(), `${home}/ask`);
  await page.context().setOffline(false);
  await page.waitForTimeout(1_200);
  await page.locator("form#ask button.govuk-button").click();
  await page.waitForURL(`${home}/answers/*`);
  assert.match(await outcome(page), /--on-register/);
  await page.context().close();
  // Without JavaScript the browser says that there is no connection, keeps the form, and sends it when the page is loaded again.
  const plain = await visitor({ javaScriptEnabled: false });
  await signIn(plain, "partner-health");
  await fill(plain, SIAN);
  await plain.locator("#reason").selectOption("hospital-attendance");
  await plain.context().setOffline(true);
  await plain.locator("form#ask button.govuk-button").click();
  await plain.waitForURL(/^chrome-error:/);
  await plain.context().setOffline(false);
  await plain.reload();
  await plain.waitForURL(`${home}/answers/*`);
  assert.match(await outcome(plain), /--on-register/);
  await plain.context().close();
}

// Who may be meant, with what agrees and what differs: never shown as absence.
async function aPossibleMatch() {
  for (const locale of ["en-GB", "cy-GB"]) {
    const page = await visitor({ locale });
    await signIn(page, "partner-health");
    await page.locator("details.govuk-details summary").click();
    await fill(page, { ...POSSIBLE, address: "2 Heol y Bont\nCasnewydd", carers: "Sioned Parry, 3 4 1985", "case-reference": "ED-2026-11843" });
    await judge(page, `ask, more ${locale}`);
    await page.locator("#reason").selectOption("hospital-attendance");
    await page.locator("form#ask button.govuk-button").click();
    await page.waitForURL(`${home}/answers/*`);
    assert.match(await outcome(page), /--possible-match/);
    const why = await page.locator(".cofrestr-person").first().innerText();
    assert.match(why, locale === "en-GB" ? /the same/ : /yr un/, why);
    assert.match(why, locale === "en-GB" ? /differ/ : /wahan/, why);
    assert.ok(await page.locator(".cofrestr-call__number[href^='tel:']").count(), "whom to ring stands there");
    await judge(page, `possible match ${locale}`);
    await picture(page, `possible-match-${locale.slice(0, 2)}`);
    await page.context().close();
  }
}

// What the API says to Gwent's custodian, or does for them.
async function api(path, body) {
  const custodian = ready.regions.find(({ code }) => code === "gwent").tokens.custodian;
  const headers = { authorization: `Bearer ${custodian}`, "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
  const answer = await fetch(`${home}${path}`, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

// The custodian reads and acknowledges what came in the night, sees what is due, who asked, and how far a move has come.
async function theMorning() {
  const entry = (await api("/v1/registrations")).items.find(({ status, authority }) => status === "registered" && authority !== "W06000020");
  // Four weeks later there are dates that are near or past; the keeper works them out within a minute.
  const later = JSON.stringify({ now: "2026-12-20T08:10:00Z" });
  await fetch(`${home}/sandbox/clock`, { method: "POST", headers: { "content-type": "application/json" }, body: later });
  const until = Date.now() + LATE_MS * 2;
  while (!(await api("/v1/clocks")).items.length && Date.now() < until) await new Promise((done) => setTimeout(done, 1_000));
  await api("/v1/transfers", { registrationId: entry.id, to: "W06000020", nature: "permanent" });
  const page = await visitor();
  await signIn(page, "custodian");
  await page.locator("nav a[href='/work']").click();
  await judge(page, "to read and to do");
  await picture(page, "work-en");
  const forms = page.locator("form[action^='/work/notices/']");
  const first = await forms.first().getAttribute("action");
  await forms.first().locator("button").click();
  await page.waitForLoadState();
  assert.equal(await page.locator(`form[action='${first}']`).count(), 0, "what is acknowledged goes");
  for (const list of ["notices", "tasks", "clocks", "moves"]) {
    await page.goto(`${home}/work/${list}`);
    await judge(page, `the list of ${list}`);
    assert.ok((await page.locator("main li, main .cofrestr-person").count()) > 0, `there are ${list}`);
  }
  for (const language of ["cy", "en"]) {
    await page.goto(`${home}/work/moves?language=${language}`);
    await page.locator("a[href^='/moves/']").first().click();
    await judge(page, `a move ${language}`);
    await picture(page, `move-${language}`);
    const steps = await page.locator("a[href^='/moves/']").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    assert.ok(steps.length >= 2, "a custodian of the region can act at both ends");
    for (const step of steps) {
      await page.goto(`${home}${step}`);
      await judge(page, `${step.split("/").pop()} ${language}`);
    }
    await page.goto(`${home}/work/clocks`);
    await page.locator("a[href^='/children/']").first().click();
    await judge(page, `what the register holds ${language}`);
    await page.locator("a[href$='/log']").click();
    await judge(page, `who asked, and who looked ${language}`);
    await picture(page, `log-${language}`);
    await page.goto(`${home}/work/tasks`);
    await page.locator("a[href^='/tasks/']").first().click();
    await judge(page, `a task ${language}`);
  }
  const task = page.url();
  await page.locator("main form button").click();
  assert.equal(await page.locator(".govuk-error-summary a").getAttribute("href"), "#reason");
  await judge(page, "a task without a reason");
  await page.locator("#reason").fill("Done in the morning meeting");
  await page.locator("main form button").click();
  await page.waitForURL(`${home}/work`);
  assert.equal(await page.locator(`a[href='${new URL(task).pathname}']`).count(), 0, "what is closed goes");
  await page.context().close();
}

// A child is missing: the alert is raised from what the register holds, circulated and ended; the second time it is an exercise.
async function aMissingChild() {
  const { childId } = (await api("/v1/registrations")).items.find(({ status, authority }) => status === "registered" && authority === "W06000022");
  for (const [tag, reason] of [["en", "raised-by-mistake"], ["cy", "exercise-over"]]) {
    const page = await visitor({ locale: `${tag}-GB` });
    const send = () => page.locator("main form button.govuk-button").last().click();
    const errors = () => page.locator(".govuk-error-summary a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    await signIn(page, "custodian");
    await page.goto(`${home}/children/${childId}`);
    await page.locator("main a[href$='/alert']").click();
    await judge(page, `to raise an alert ${tag}`);
    await fill(page, { "seen-place": "Outside the leisure centre", instructions: "Keep the child with you." });
    await send();
    await page.locator(".govuk-error-summary").waitFor();
    assert.deepEqual(await errors(), ["#path", "#seen-day"]);
    assert.equal(await page.locator("#instructions").inputValue(), "Keep the child with you.");
    await judge(page, `to raise an alert, mistakes ${tag}`);
    await page.locator("#path").check();
    await page.locator("#risk").check();
    await fill(page, { "seen-day": "16", "seen-month": "11", "seen-year": "2026", "seen-time": "15:40", police: "PC Rees", manager: "Ann Price" });
    if (reason === "exercise-over") await page.locator("#exercise").check();
    await picture(page, `alert-raise-${tag}`);
    await send();
    await page.waitForURL(/\/alerts\/[0-9a-f-]{36}$/);
    const alert = page.url();
    await judge(page, `an alert ${tag}`);
    await picture(page, `alert-${tag}`);
    const steps = async () => page.locator(`main a[href^='${new URL(alert).pathname}/']`).evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    for (const step of await steps()) {
      await page.goto(`${home}${step}`);
      await judge(page, `${step.split("/").pop()} of an alert ${tag}`);
    }
    await page.goto(`${home}/work/alerts`);
    await judge(page, `the list of alerts ${tag}`);
    assert.equal(await page.locator(`main a[href='${new URL(alert).pathname}']`).count(), 1);
    await page.goto(`${alert}/circulate`);
    await send();
    await page.locator(".govuk-error-summary").waitFor();
    assert.deepEqual(await errors(), ["#note"]);
    await judge(page, `circulate, mistakes ${tag}`);
    await page.locator("#note").fill("Serious harm is likely");
    await send();
    await page.waitForURL(alert);
    await judge(page, `an alert that is circulated ${tag}`);
    for (const step of await steps()) {
      await page.goto(`${home}${step}`);
      await judge(page, `${step.split("/").pop()} of a circulated alert ${tag}`);
    }
    await page.goto(`${alert}/stand-down`);
    await page.locator(`input[name=reason][value=${reason}]`).check();
    await page.locator("#note").fill("The end of it");
    await send();
    await page.waitForURL(alert);
    await judge(page, `an alert that has ended ${tag}`);
    await page.context().close();
  }
}

// What a custodian begins from a child's record: a move, and what keeps responsibility; and another date that their manager authorises.
async function fromTheRecord() {
  const all = (await api("/v1/registrations?limit=200")).items.filter(({ status, authority }) => status === "registered" && authority === "W06000022");
  const errors = (page) => page.locator(".govuk-error-summary a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  for (const [tag, { childId }] of [["en", all.at(-1)], ["cy", all.at(-2)]]) {
    const page = await visitor({ locale: `${tag}-GB` });
    const send = () => page.locator("main form button.govuk-button").last().click();
    await signIn(page, "custodian");
    await page.goto(`${home}/children/${childId}`);
    await judge(page, `what may be begun from a record ${tag}`);
    await page.locator("main a[href$='/responsibility']").click();
    await judge(page, `who is responsible ${tag}`);
    await fill(page, { place: "Dublin, Tusla", "since-day": "16", "since-month": "11", "since-year": "2026" });
    await send();
    await page.locator(".govuk-error-summary").waitFor();
    assert.deepEqual(await errors(page), ["#evidence", "#reason"]);
    await judge(page, `who is responsible, mistakes ${tag}`);
    await picture(page, `responsible-${tag}`);
    await fill(page, { evidence: "Letter of 17 November, file 118", reason: "The aunt rang" });
    await send();
    await page.waitForURL(/\?entry=/);
    await judge(page, `who is responsible, recorded ${tag}`);
    await fill(page, { place: "", "since-day": "", "since-month": "", "since-year": "", evidence: "", reason: "They are back" });
    await send();
    await page.waitForURL(/\?entry=/);
    await page.goto(`${home}/children/${childId}`);
    await page.locator("main a[href$='/move']").click();
    await judge(page, `to begin a move ${tag}`);
    await page.locator("#note").fill("A tenancy there");
    await send();
    await page.locator(".govuk-error-summary").waitFor();
    assert.deepEqual(await errors(page), ["#to", "#nature"]);
    assert.equal(await page.locator("#note").inputValue(), "A tenancy there");
    await judge(page, `to begin a move, mistakes ${tag}`);
    await picture(page, `move-begin-${tag}`);
    await page.locator("#to").selectOption("W06000020");
    await page.locator("#nature").check();
    await send();
    await page.waitForURL(/\/moves\/[0-9a-f-]{36}$/);
    await judge(page, `a move that was begun ${tag}`);
    await page.context().close();
    const manager = await visitor({ locale: `${tag}-GB` });
    await signIn(manager, "senior-safeguarding-manager");
    await manager.goto(`${home}/work/clocks`);
    await judge(manager, `the dates of a manager ${tag}`);
    await manager.locator("main a[href$='/departure']").first().click();
    await judge(manager, `another date ${tag}`);
    await manager.locator("main form button.govuk-button").click();
    await manager.locator(".govuk-error-summary").waitFor();
    assert.deepEqual(await errors(manager), ["#on-day", "#reason"]);
    await judge(manager, `another date, mistakes ${tag}`);
    await fill(manager, { "on-day": tag === "en" ? "8" : "9", "on-month": "2", "on-year": "2027", reason: "The chair is ill" });
    await manager.locator("main form button.govuk-button").click();
    await manager.waitForURL(`${home}/work/clocks`);
    await manager.context().close();
  }
}

// A restricted record: nothing there that may be seen, and what may be done in an emergency.
async function inAnEmergency() {
  const page = await visitor({ javaScriptEnabled: false });
  await signIn(page, "emergency-duty");
  const address = `${home}/children/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11`;
  assert.equal((await page.goto(address)).status(), 404);
  const judging = await visitor();
  await judging.context().addCookies(await page.context().cookies());
  await judging.goto(address);
  await judge(judging, "a record that may not be seen");
  await picture(judging, "open-en");
  await judging.context().close();
  await page.locator("form#open button").click();
  assert.ok(await page.locator(".govuk-heading-l").count());
  await page.context().close();
}

const walks = { byKeyboard, english: () => everyOutcome("en-GB"), welsh: () => everyOutcome("cy-GB"), forACaller, aLateHit, aSessionThatEnds, aLostConnection, aPossibleMatch, inAnEmergency, theMorning, fromTheRecord, aMissingChild };
await site.walkAll(walks);
