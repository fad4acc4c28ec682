// The HTML report of tests/inputs in a browser: what it counts, how it filters, that it fits, prints and asks for nothing.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const here = import.meta.dirname;
const [option, screenshots] = process.argv.slice(2);
assert.ok(option === undefined || (option === "--screenshots" && screenshots), "usage: run [--screenshots FOLDER]");

const metadata = JSON.parse(execFileSync("cargo", ["metadata", "--format-version=1", "--no-deps"], { cwd: here }));
const program = join(metadata.target_directory, "debug", "imagereview");
const folder = mkdtempSync(join(tmpdir(), "imagereview-page-"));

/** Reviews the inputs, and gives the page and what the JSON report says of the same run. */
function report(name, ...options) {
  const page = join(folder, name);
  const { status, stdout, stderr } = spawnSync(
    program,
    ["review", "--format", `html=${page}`, "--format", "json", ...options, "."],
    { cwd: join(here, "../inputs"), encoding: "utf8", env: { ...process.env, SOURCE_DATE_EPOCH: "1800000000" } },
  );
  assert.equal(status, 1, stderr);
  return { url: pathToFileURL(page).href, json: JSON.parse(stdout) };
}

const english = report("en.html");
const chinese = report("zh.html", "--language", "zh");
const linked = report("links.html", "--commit", "0123abc", "--source-url", "https://git.example.com/app/blob/0123abc");

/** A page of 100,000 findings. */
function long() {
  const input = join(folder, "pods.jsonl");
  const pod = n => JSON.stringify({
    apiVersion: "v1", kind: "Pod", metadata: { name: `pod-${n}` },
    spec: { containers: Array.from({ length: 10 }, (_, at) => ({ name: `c${at}`, image: `registry.example.com/team-${n % 50}/app-${n}-${at}` })) },
  }, null, 1);
  writeFileSync(input, Array.from({ length: 10_000 }, (_, n) => pod(n)).join("\n"));
  const page = join(folder, "long.html");
  const { status, stderr } = spawnSync(program, ["review", "--format", `html=${page}`, input], { encoding: "utf8" });
  assert.equal(status, 1, stderr);
  return { url: pathToFileURL(page).href };
}
const images = english.json.documents.flatMap(document => document.images);
const findings = images.flatMap(image => image.violations);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"],
});

/** Opens the page, lets the test look at it, and holds that it was quiet. */
async function on({ url }, options, test) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", message => complaints.push(message.text()));
  page.on("pageerror", error => complaints.push(String(error)));
  page.on("request", request => {
    if (request.url().split("#")[0] !== url) complaints.push(`asks for ${request.url()}`);
  });
  await page.goto(url);
  await test(page);
  assert.deepEqual(complaints, []);
  await context.close();
}

const shown = page => page.locator("[data-state]:visible").count();
const number = async (page, id) => Number(await page.locator(`#${id}`).textContent());

const tests = {
  async "the counts are those of the JSON report"() {
    await on(english, {}, async page => {
      const { summary } = english.json;
      assert.equal(await number(page, "denied"), summary.denied);
      assert.equal(await number(page, "warned"), summary.warned);
      assert.equal(await number(page, "allowed"), summary.images - summary.denied - summary.warned);
      assert.equal(await number(page, "images"), summary.images);
      assert.equal(await number(page, "objects"), summary.documents);
      assert.equal(await number(page, "files"), summary.files);
      assert.equal(await number(page, "not-reviewed"), summary.notReviewed);
      assert.equal(await page.locator("#errors").count(), summary.errors);
      const facts = await page.locator(".facts dd").allTextContents();
      assert.deepEqual(facts, ["2027-01-15T08:00:00Z", "no-latest-tag", "."]);
      assert.equal(await shown(page), images.length + findings.length);
      assert.equal(await page.locator(".finding").count(), findings.length);
      assert.equal(await page.locator("li[data-state]").count(), images.length);
      assert.match(await page.title(), new RegExp(`: ${summary.denied} denied$`));
    });
  },

  async "the filter shows what has the words and the verdict"() {
    await on(english, {}, async page => {
      const all = images.length + findings.length;
      const denied = images.filter(image => !image.allowed).length;
      for (const [verdict, count] of [
        ["denied", denied + findings.length],
        ["allowed", images.length - denied],
        ["warning", 0],
        ["all", all],
      ]) {
        await page.getByText(verdict, { exact: true }).and(page.locator(".filter label")).click();
        assert.equal(await shown(page), count, verdict);
        assert.equal(await page.locator("#shown").textContent(), `${count} shown of ${all}`);
      }
      for (const [words, count] of [
        ["rabbitmq", 2],
        ["RABBIT compose.yaml", 2],
        ["unreadable-object", 1],
        ["docker.io/library/golang:1.25", 1],
        ["no such image", 0],
        ["", all],
      ]) {
        await page.locator("#search").fill(words);
        assert.equal(await shown(page), count, words);
        // No heading stands above nothing.
        const empty = page.locator("details:visible").filter({ hasNot: page.locator("[data-state]:not([hidden])") });
        assert.equal(await empty.count(), 0, words);
        assert.equal(await page.locator("#none").isVisible(), count === 0, words);
      }
      // The numbers of groups and bars follow, and come back.
      await page.locator("#search").fill("rabbitmq");
      const rule = page.locator("#rule-1 summary .number");
      const ofRule = findings.filter(finding => finding.rule === "no-latest-tag").length;
      assert.equal(await rule.textContent(), `1 / ${ofRule}`);
      assert.equal(await page.locator(".bars .number").first().textContent(), `1 / ${ofRule}`);
      await page.locator("#search").fill("");
      assert.equal(await rule.textContent(), `${ofRule}`);
    });
  },

  async "all of it is reached by the keyboard"() {
    await on(english, {}, async page => {
      await page.keyboard.press("/");
      await page.keyboard.type("nginx");
      assert.equal(await page.locator("#search").inputValue(), "nginx");
      assert.equal(await shown(page), 2);
      await page.keyboard.press("Escape");
      assert.equal(await shown(page), images.length + findings.length);
      await page.keyboard.press("Tab");
      await page.keyboard.press("ArrowRight");
      assert.equal(await page.locator("input[value=denied]").isChecked(), true);
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      assert.equal(await page.locator("details[open]").count(), 0);
      await page.keyboard.press("Tab");
      await page.keyboard.press("Space");
      assert.equal(await page.locator("details[open]").count(), 1);
      // The bars lead to what they count.
      await page.locator(".bars a").nth(1).focus();
      await page.keyboard.press("Enter");
      await page.locator("#rule-2[open]").waitFor();
      assert.equal(await page.locator("#rule-2 summary").isVisible(), true);
    });
  },

  async "it fits, in the light and in the dark, and prints whole"() {
    for (const [language, page_] of [["en", english], ["zh", chinese]]) {
      for (const width of [390, 1280]) {
        const papers = {};
        for (const colorScheme of ["light", "dark"]) {
          await on(page_, { viewport: { width, height: 900 }, colorScheme }, async page => {
            const { scroll, client, paper, ink } = await page.evaluate(() => ({
              scroll: document.documentElement.scrollWidth,
              client: document.documentElement.clientWidth,
              paper: getComputedStyle(document.body).backgroundColor,
              ink: getComputedStyle(document.body).color,
            }));
            assert.equal(scroll, client, `${language} ${width}`);
            assert.notEqual(paper, ink);
            papers[colorScheme] = paper;
            if (screenshots) {
              await page.screenshot({ path: join(screenshots, `${language}-${width}-${colorScheme}.png`), fullPage: true });
            }
          });
        }
        assert.notEqual(papers.light, papers.dark);
      }
    }
    await on(english, { colorScheme: "dark" }, async page => {
      await page.locator("#fold").click();
      const pdf = await page.pdf(screenshots ? { path: join(screenshots, "print.pdf") } : {});
      assert.ok(pdf.length > 0);
      // Printing opens what is folded.
      assert.equal(await shown(page), images.length + findings.length);
      await page.emulateMedia({ media: "print" });
      assert.equal(await page.locator(".filter").isVisible(), false);
    });
  },

  async "the places are links where their source is given"() {
    await on(linked, {}, async page => {
      const links = () => page.locator("a.place").evaluateAll(all => all.map(element => element.href));
      const before = await links();
      assert.equal(before.length, images.length + findings.length);
      assert.ok(before.includes("https://git.example.com/app/blob/0123abc/k8s/web.yaml#L22"), before);
      assert.ok((await page.locator(".facts dd").allTextContents()).includes("0123abc"));
      // The script makes the same ones.
      await page.locator("#search").fill("nothing has this");
      await page.locator("#search").fill("");
      assert.deepEqual(await links(), before);
    });
  },

  async "a page of 100,000 findings opens, and all of them are found"() {
    await on(long(), {}, async page => {
      const elements = await page.locator("*").count();
      assert.ok(elements < 5_000, `${elements} elements`);
      assert.equal(await page.locator("#shown").textContent(), "200,000 shown of 200,000");
      await page.locator("#search").fill("app-9876-5");
      assert.equal(await shown(page), 2);
      assert.equal(await page.locator("#shown").textContent(), "2 shown of 200,000");
      await page.locator("#search").fill("team-7/");
      assert.equal(await page.locator("#rule-1 summary .number").textContent(), "2,000 / 100,000");
      assert.equal(await page.locator("#rule-1 .finding").count(), 100);
      await page.locator("#rule-1 .more button").click();
      assert.equal(await page.locator("#rule-1 .finding").count(), 1_100);
      const { domInteractive, loadEventEnd } = await page.evaluate(() => performance.getEntriesByType("navigation")[0].toJSON());
      console.log(`    interactive after ${Math.round(domInteractive)} ms, loaded after ${Math.round(loadEventEnd)} ms`);
    });
  },

  async "without scripts everything is shown"() {
    await on(english, { javaScriptEnabled: false }, async page => {
      assert.equal(await shown(page), images.length + findings.length);
      assert.equal(await page.locator("form").isVisible(), false);
    });
  },

  async "the labels are in the language of the page"() {
    await on(chinese, {}, async page => {
      assert.equal(await page.locator("html").getAttribute("lang"), "zh");
      assert.equal(await page.title(), `镜像审查: ${chinese.json.summary.denied} 个被拒绝`);
      for (const label of await page.locator("dt, h2, h3, .filter label, .filter button").allTextContents()) {
        assert.match(label, /\p{Script=Han}/u, label);
      }
    });
  },
};

try {
  for (const [name, test] of Object.entries(tests)) {
    await test();
    console.log(`ok  ${name}`);
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
