// A picture of the page of a running Peregrine, with an alert open: picture.mjs URL PNG
// MODULES has playwright-core, CHROMIUM is the browser.
import { createRequire } from "node:module";

const [url, png] = process.argv.slice(2);
const { chromium } = createRequire(process.env.MODULES + "/")("playwright-core");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--no-proxy-server"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
page.setDefaultTimeout(120000);
const problems = [];
page.on("pageerror", (error) => problems.push(error.message));
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
await page.goto(url);
await page.waitForFunction(() => document.querySelectorAll("#list tbody tr").length > 5);
await page.waitForFunction(() => document.querySelector("#status").textContent === "healthy");
await page.waitForFunction(() => document.querySelector("#c-events path"));
await page.locator("#list tbody tr").nth(2).click();
await new Promise((done) => setTimeout(done, 8000));
await page.screenshot({ path: png });
await browser.close();
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
