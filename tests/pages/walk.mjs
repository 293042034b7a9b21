// Walks the pages of a demo in a browser: `node walk.mjs TOOLS BROWSER READY-FILE SCREENSHOTS`. See tests/pages.sh.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [tools, executablePath, readyFile, screenshots] = process.argv.slice(2);
const require = createRequire(`${tools}/package.json`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const ready = JSON.parse(readFileSync(readyFile, "utf8"));
const region = (code) => ready.regions.find((found) => found.code === code).url;
const home = region("gwent");
const SMALLEST = { width: 320, height: 568 };
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];
// A region notices within seconds that another is back; a busy machine may take longer.
const LATE_MS = 60_000;

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
let judged = 0;

// A browser of its own, which fails when a page loads anything from elsewhere or breaks its own policy.
async function visitor({ javaScriptEnabled = true, viewport = SMALLEST, locale = "en-GB" } = {}) {
  const context = await browser.newContext({ javaScriptEnabled, viewport, locale });
  const page = await context.newPage();
  page.on("request", (request) => assert.ok(request.url().startsWith(home), `loads ${request.url()}`));
  page.on("pageerror", (error) => assert.fail(`a script failed: ${error}`));
  page.on("console", (message) => assert.ok(!/Content Security Policy/i.test(message.text()), message.text()));
  return page;
}

// What must hold for every page that is shown: WCAG, no sideways scrolling, nothing personal in address or title.
async function judge(page, name) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
  for (const personal of ["Llewel", "Tremain", "Osei", "Peredur", "Amara"]) {
    assert.ok(!(page.url() + (await page.title())).includes(personal), `${name}: ${personal} stands in the address or the title`);
  }
  await page.evaluate(axe);
  const { violations } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), TAGS);
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  assert.deepEqual(found, [], `axe on ${name}`);
  judged += 1;
}

const picture = (page, name) => page.screenshot({ path: `${screenshots}/${name}.png`, fullPage: true });

async function signIn(page, person) {
  await page.goto(`${home}/`);
  await page.locator(`input[name=person][value=${person}]`).check();
  await page.locator("form#sign-in button.govuk-button").click();
}

async function fill(page, typed) {
  for (const [id, value] of Object.entries(typed)) await page.locator(`#${id}`).fill(value);
}

async function ask(page, typed, reason = "hospital-attendance") {
  await page.goto(`${home}/ask`);
  await fill(page, typed);
  await page.locator("#reason").selectOption(reason);
  await page.locator("form#ask button.govuk-button").click();
  assert.match(page.url(), /\/answers\/[0-9a-f-]{36}$/);
}

const SIAN = { given: "Shan", family: "Llewelyn", "born-day": "9", "born-month": "5", "born-year": "2017" };
const PEREDUR = { given: "Peredur", family: "Tremain", "born-day": "21", "born-month": "6", "born-year": "2016" };
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
  assert.equal(await page.locator(".govuk-error-summary a").getAttribute("href"), "#caller-method");
  await judge(page, "ask, caller not verified");
  await page.locator("#caller-method").selectOption("switchboard-call-back");
  await page.locator("form#ask button.govuk-button").click();
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
  assert.equal(looking.headers().refresh, "10");
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

// The custodian reads and acknowledges what came in the night.
async function theMorning() {
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
  await page.context().close();
}

const walks = { byKeyboard, english: () => everyOutcome("en-GB"), welsh: () => everyOutcome("cy-GB"), forACaller, aLateHit, aSessionThatEnds, theMorning };
let findings = 0;
for (const [name, walk] of Object.entries(walks)) {
  try {
    await walk();
    console.log(`ok ${name}`);
  } catch (error) {
    findings += 1;
    console.error(`finding in ${name}: ${error.stack}`);
  }
}
await browser.close();
console.log(`${judged} pages judged by axe; ${Object.keys(walks).length - findings} passed, ${findings} failed`);
process.exit(findings ? 1 : 0);
