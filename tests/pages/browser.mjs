// What the walks share: browsers that notice what they must not load, axe, pictures. `open(TOOLS, BROWSER, SCREENSHOTS)`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import assert from "node:assert/strict";

export const SMALLEST = { width: 320, height: 568 };
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];
// The most that a page may weigh with everything it loads, in bytes (issue 7).
const HEAVIEST = 200_000;

export async function open(tools, executablePath, screenshots) {
  const require = createRequire(`${tools}/package.json`);
  const { chromium } = require("playwright-core");
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  let judged = 0;
  let heaviest = 0;

  // A browser of its own, which fails when a page loads anything from elsewhere than `homes` or breaks its own policy.
  async function visitor(homes, { javaScriptEnabled = true, viewport = SMALLEST, locale = "en-GB" } = {}) {
    const context = await browser.newContext({ javaScriptEnabled, viewport, locale, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const ours = homes[0];
    const weights = new Map();
    // What a page of somebody else's would load is not ours to judge, and not fetched.
    await context.route((url) => !homes.some((home) => url.href.startsWith(home)), (route) => route.abort());
    page.on("request", (request) => {
      const fault = page.url().startsWith(ours) && !homes.some((home) => request.url().startsWith(home));
      assert.ok(!fault, `loads ${request.url()}`);
    });
    page.on("pageerror", (error) => assert.fail(`a script failed: ${error}`));
    page.on("console", (message) => {
      const fault = page.url().startsWith(ours) && /Content Security Policy/i.test(message.text());
      assert.ok(!fault, message.text());
    });
    page.on("response", async (response) => {
      if (!response.url().startsWith(ours) || response.status() >= 300) return;
      const body = await response.body().catch(() => Buffer.alloc(0));
      weights.set(response.url().replace(/\?.*/, ""), body.length);
      if (response.request().resourceType() !== "document") return;
      page.weighs = body.length;
    });
    // A page weighs what it is and every file that any page loads: files are kept, and are counted although they came before.
    page.weight = () => [...weights].filter(([url]) => url.includes("/assets/")).reduce((sum, [, bytes]) => sum + bytes, page.weighs ?? 0);
    return page;
  }

  // What must hold for every page that is shown: WCAG, no sideways scrolling, its weight, nothing personal in address or title.
  async function judge(page, name, personal = []) {
    await page.waitForLoadState();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
    for (const text of personal) {
      assert.ok(!(page.url() + (await page.title())).includes(text), `${name}: ${text} stands in the address or the title`);
    }
    assert.ok(page.weight() > 1_000 && page.weight() < HEAVIEST, `${name} weighs ${page.weight()} bytes`);
    heaviest = Math.max(heaviest, page.weight());
    await page.evaluate(axe);
    const { violations } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), TAGS);
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
    assert.deepEqual(found, [], `axe on ${name}`);
    judged += 1;
  }

  const picture = (page, name) => page.screenshot({ path: `${screenshots}/${name}.png`, fullPage: true });

  // Takes every walk, also after one had a finding, and ends the program.
  async function walkAll(walks, tidy = async () => {}) {
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
    await tidy();
    const passed = Object.keys(walks).length - findings;
    console.log(`${judged} pages judged by axe, the heaviest ${heaviest} bytes; ${passed} walks passed, ${findings} failed`);
    process.exit(findings ? 1 : 0);
  }

  return { visitor, judge, picture, walkAll };
}

export async function fill(page, typed) {
  for (const [id, value] of Object.entries(typed)) await page.locator(`#${id}`).fill(value);
}
