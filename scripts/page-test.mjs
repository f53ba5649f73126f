// See page-test.sh.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { chromium } = createRequire(process.env.MODULES + "/")("playwright-core");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1360, height: 850 } });
const problems = [];
page.on("pageerror", (error) => problems.push(error.message));
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
page.on("dialog", (dialog) => { problems.push("a dialog: " + dialog.message()); dialog.dismiss(); });
const foreign = [];
page.on("request", (request) => request.url().startsWith(process.env.PAGE) || foreign.push(request.url()));

for (let tries = 0; ; tries++) {
  try { await page.goto(process.env.PAGE); break; } catch (error) {
    if (tries > 100) throw error;
    await new Promise((done) => setTimeout(done, 100));
  }
}
const rows = page.locator("#list tbody tr");
await page.waitForFunction(() => document.querySelectorAll("#list tbody tr").length > 10);
await page.waitForFunction(() => document.querySelector("#status").textContent === "healthy");
await page.waitForFunction(() => document.querySelector("#c-events path"));

// Filters.
await page.selectOption("#f-priority", "Critical");
await page.waitForFunction(() => [...document.querySelectorAll("#list tbody tr td:nth-child(2)")].every((td) => td.textContent === "Critical"));
await page.selectOption("#f-priority", "");
await page.selectOption("#f-tag", "T1003");
assert.ok((await rows.allTextContents()).every((text) => text.includes("Shadow file read")));
await page.selectOption("#f-tag", "");
await page.fill("#f-process", "nobody");
assert.equal(await rows.count(), 0);
assert.ok(await page.locator("#empty").isVisible());
await page.fill("#f-process", "");

// An alert with hostile text: it is there as text, and nothing of it is markup.
await page.fill("#f-text", "onerror");
await rows.first().click();
const detail = page.locator("#detail");
await detail.getByText("document.title='owned'").first().waitFor();
assert.match(await detail.textContent(), /systemd --switched-root/);
await detail.getByText("open_read and").first().waitFor();
assert.match(await detail.textContent(), /open_read and fd.name = \/etc\/shadow/);
assert.equal(await page.locator("main script, main img, aside img").count(), 0);
assert.match(await page.title(), /Peregrine$/);
// Should something get in after all, the policy keeps it from running.
const ran = await page.evaluate(() => {
  const script = document.createElement("script");
  script.textContent = "window.injected = true";
  document.body.append(script);
  return window.injected === true;
});
assert.equal(ran, false);
if (process.argv[2]) {
  await page.fill("#f-text", "");
  await rows.nth(1).click();
  await page.locator("#pause").focus();
  await page.screenshot({ path: process.argv[2] });
}
await page.keyboard.press("Escape");
assert.ok(!(await detail.isVisible()));

// Rules and engine.
await page.click("#tab-rules");
await page.locator("#rule-list tbody tr").first().click();
await page.locator("#rule-detail-body pre").first().waitFor();
if (process.argv[3]) await page.screenshot({ path: process.argv[3] });
await page.click("#tab-engine");
await page.locator("#outputs tbody tr").first().waitFor();
if (process.argv[4]) await page.screenshot({ path: process.argv[4] });
assert.ok(await page.locator("#rings .meter").first().isVisible());

// The refused script above is reported by the browser; nothing else may be.
const real = problems.filter((text) => !text.includes("Content Security Policy"));
assert.deepEqual(real, []);
assert.deepEqual(foreign, []);
await browser.close();
console.log("page: all is well");
