// The console in a real browser, against whole systems.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createServer as listen, connect } from "node:net";
import { createServer, request } from "node:http";
import { join, resolve } from "node:path";
import { adminToken, look, open, patience, settled, sql, start, violations } from "./system.js";

let browser;
before(async () => (browser = await open()));
after(() => browser.close());

// pagesOf are the addresses of the pages of a system, by name.
async function pagesOf(system) {
  const { models } = await system.get("models");
  const { symbols } = await system.get("symbols");
  const model = models[0].id;
  const { decisions } = await system.get(`decisions/${encodeURIComponent(model)}?limit=2`);
  const of = (id) => `/models/${encodeURIComponent(id)}`;
  return {
    arena: "/", model: of(model), symbol: `/symbols/${symbols[0].symbol}`, search: "/search?q=profit",
    compare: `/compare?${models.slice(0, 3).map((m) => `with=${encodeURIComponent(m.id)}`).join("&")}`,
    ...(decisions?.length ? { decision: `${of(model)}/decisions/${encodeURIComponent(decisions.at(-1).id)}` } : {}),
    benchmark: of(models.at(-1).id), alone: `/?model=${encodeURIComponent(model)}&unit=pct&range=7d&tz=Asia/Tokyo`, log: "/?scale=log&range=24h",
    absent: "/models/nobody-of-this-name", ...operators,
  };
}

// The pages of operators, which show all that they have where the tab has the token.
const operators = { cutover: "/cutover", system: "/system", ingest: "/ingest" };
async function signedIn(options) {
  const page = await look(browser, options);
  await page.addInitScript((token) => sessionStorage.setItem("admin-token", token), adminToken);
  return page;
}

// visit goes to a page and waits until it shows everything. One that is not there is for
// the browser an error of its own.
async function visit(page, url) {
  const answer = await page.goto(url);
  if (answer.status() === 404) page.faults.pop();
  await settled(page);
}

// renders looks at pages, and writes pictures of them where images names a directory.
async function renders(system, addresses, images) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await signedIn({ colorScheme });
    for (const [name, address] of Object.entries(addresses)) {
      await visit(page, system.url + address);
      assert.deepEqual(await violations(page), [], `${name}, ${colorScheme}`);
      if (images && ["arena", "alone", "model", "decision", "symbol", "search", "compare"].includes(name)) {
        await page.screenshot({ path: join(images, `${name}-${colorScheme}.png`) });
      }
    }
    assert.deepEqual(page.faults, [], colorScheme);
    await page.context().close();
  }
  const narrow = await signedIn({ viewport: { width: 360, height: 740 } });
  for (const [name, address] of Object.entries(addresses)) {
    await visit(narrow, system.url + address);
    assert.equal(await narrow.evaluate(() => document.documentElement.scrollWidth), 360, `${name} is wider than a phone`);
  }
  await narrow.context().close();
}

describe("a generated season", () => {
  let system;
  before(async () => (system = await start({ args: ["--play=off"] })), { timeout: 2 * patience });
  after(() => system.stop());

  test("every page renders, in both themes and down to 360 pixels", async () => {
    await renders(system, { ...(await pagesOf(system)), ended: "/?competition=season-0" }, process.env.IMAGES);
  });

  test("a fill appears on the curve and in the list", async (t) => {
    const page = await look(browser);
    await page.goto(system.url);
    await settled(page);
    const { leaderboard } = await system.get("leaderboard");
    const { id } = leaderboard[0];
    const now = Date.now() / 1000;
    const began = performance.now();
    await system.post("trades", { trade: {
      id: "posted-by-the-test", model_id: id, symbol: "BTC", side: "long", quantity: 0.25, entry_time: now - 600, entry_price: 100000,
      exit_time: now - 1, exit_price: 101000, realized_gross_pnl: 250, realized_net_pnl: 245.5, total_commission_dollars: 4.5,
    }, remaining: null });
    await system.post("equity", { model_id: id, timestamp: now, dollar_equity: 12345.67, since_inception_hourly_marker: 201, positions: {} });
    await page.waitForSelector('[data-trade="posted-by-the-test"]');
    await page.waitForFunction((id) => document.querySelector(`button[data-model="${CSS.escape(id)}"] b`).textContent === "$12,345.67", id);
    t.diagnostic(`seen after ${Math.round(performance.now() - began)} ms`);
    assert.match(await page.textContent('[data-trade="posted-by-the-test"]'), /\+\$245\.50/);
    await page.waitForFunction((id) => document.querySelector(`tr[data-model="${CSS.escape(id)}"] data`).value === "12345.67", id);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("a symbol has candles, of a length that goes with the range", async () => {
    const page = await look(browser);
    const { symbols } = await system.get("symbols");
    const asked = [];
    await system.post("prices", { items: Array.from({ length: 90 }, (_, i) => ({
      symbol: symbols[0].symbol, price: 100 + (i * 5) % 11, timestamp: Math.round(Date.now()) - i * 60000,
    })) });
    page.on("request", (r) => asked.push(new URL(r.url()).searchParams.get("resolution")));
    await page.goto(`${system.url}/symbols/${symbols[0].symbol}`);
    await settled(page);
    assert.equal(await page.textContent("#width"), "an hour");
    await page.getByLabel("24h").check({ force: true });
    await page.waitForFunction(() => document.querySelector("#width").textContent === "15 minutes");
    assert.deepEqual(asked.filter(Boolean), ["1h", "15m"]);
    const { candles } = await system.get(`prices/${symbols[0].symbol}?resolution=15m&points=6`);
    assert.equal(candles.length, 6);
    const plot = page.locator("#price .u-over");
    await plot.hover({ position: { x: (await plot.boundingBox()).width - 8, y: 20 } });
    await page.waitForFunction(() => /open \$[\d,.]+, high/.test(document.querySelector("#price-at").textContent));
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("every selection is in the address, and works by keyboard", async () => {
    const page = await look(browser);
    await page.goto(system.url);
    await settled(page);
    const button = page.locator(".legend button").first();
    await button.focus();
    await page.keyboard.press("Enter");
    await page.waitForURL((u) => u.searchParams.get("model"));
    assert.equal(await button.getAttribute("aria-pressed"), "true");
    await page.getByLabel("%", { exact: true }).check({ force: true });
    await page.getByLabel("72h").check({ force: true });
    await page.getByLabel("Time zone").selectOption("UTC");
    await settled(page);
    const address = new URL(page.url());
    assert.deepEqual([...address.searchParams.keys()].sort(), ["model", "range", "tz", "unit"]);
    const other = await look(browser);
    await other.goto(address.href);
    await settled(other);
    const text = await other.locator(".legend b").first().textContent();
    assert.match(text, /%$/);
    await page.waitForFunction((text) => document.querySelector(".legend b").textContent === text, text);
    assert.equal(await other.locator("[name=unit][value=pct]").isChecked(), true);
    await page.locator("#equity").focus();
    await page.keyboard.press("ArrowLeft");
    await page.waitForFunction(() => /\d\d:\d\d/.test(document.querySelector(".legend li:last-child").textContent));
    assert.deepEqual(page.faults, []);
    await page.context().close();
    await other.context().close();
  });

  test("times are those of the zone that is chosen, in what is read and in what is entered", async () => {
    const page = await look(browser, { timezoneId: "America/New_York" });
    const { models } = await system.get("models");
    await page.goto(`${system.url}/models/${encodeURIComponent(models[0].id)}`);
    await settled(page);
    const shown = () => page.locator("#trades time").first().evaluate((time) => [time.dateTime, time.textContent]);
    for (const zone of ["", "UTC", "Australia/Adelaide"]) {
      await page.getByLabel("Time zone").focus(); // fills the list
      await page.getByLabel("Time zone").selectOption(zone ? zone : { index: 0 });
      const [at, text] = await shown();
      const parts = new Intl.DateTimeFormat("en-US", { timeZone: zone || "America/New_York", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).formatToParts(new Date(at));
      const of = (type) => parts.find((part) => part.type === type).value;
      assert.equal(text, `${of("day")} ${of("month")} ${of("hour")}:${of("minute")}`, zone);
    }
    await page.getByLabel("Custom").check({ force: true });
    const to = "2025-01-02T10:30";
    await page.getByLabel("From").fill("2025-01-01T10:30");
    await page.getByLabel("to", { exact: true }).fill(to);
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL((u) => u.searchParams.get("to") === String(Date.parse("2025-01-02T00:00Z") / 1000));
    await page.reload();
    await page.waitForFunction((to) => document.querySelector("#custom [name=to]").value === to, to);
    await page.context().close();
  });

  test("an address holds all that was selected, together", async () => {
    const { equity } = await system.get("equity?points=10");
    const [first, last] = [equity[0].points.at(-4).timestamp, equity[0].points.at(-1).timestamp].map(Math.round);
    const page = await look(browser);
    await page.goto(`${system.url}/?scale=log&range=custom&from=${first}&to=${last}&model=${encodeURIComponent(equity[0].model_id)}&tz=UTC`);
    await settled(page);
    const state = () => page.evaluate(() => ({
      log: document.querySelector("[name=scale]").checked, range: document.querySelector("[name=range]:checked").value,
      from: document.querySelector("#custom [name=from]").value, zone: document.querySelector("#zone").value,
      alone: document.querySelector('.legend [aria-pressed="true"]').dataset.model,
    }));
    assert.deepEqual(await state(), {
      log: true, range: "custom", from: new Date(first * 1000).toISOString().slice(0, 16), zone: "UTC", alone: equity[0].model_id,
    });
    const { trades } = await system.get(`trades?model_id=${encodeURIComponent(equity[0].model_id)}&side=short&limit=25`);
    await page.goto(`${system.url}/models/${encodeURIComponent(equity[0].model_id)}`);
    await page.getByLabel("Side").selectOption("short");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.waitForURL((u) => u.searchParams.get("side") === "short");
    assert.deepEqual(await page.locator("[data-trade]").evaluateAll((all) => all.map((row) => row.dataset.trade)), trades.map((t) => t.id));
    await page.getByLabel("Competition").selectOption("season-0");
    await page.waitForURL((u) => u.searchParams.get("competition") === "season-0" && u.searchParams.get("side") === "short");
    await settled(page);
    await page.context().close();
  });

  test("a reader without a mouse or a screen finds everything", async () => {
    const page = await signedIn();
    for (const address of Object.values(await pagesOf(system))) {
      await visit(page, system.url + address);
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content", address);
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement.id), "main", address);
      // Each page has one heading of the first level, landmarks, and says aloud whether it is live.
      assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, address);
      for (const landmark of ["banner", "navigation", "main", "contentinfo"]) assert.ok(await page.getByRole(landmark).count() >= 1, `${address} ${landmark}`);
      assert.equal(await page.locator("#live").getAttribute("role"), "status");
      // What has the focus can be seen: each stop has a size, or shows it beside itself.
      const stops = await page.evaluate(() => [...document.querySelectorAll("main a, main button, main select, main input, main [tabindex='0']")]
        .filter((e) => e.checkVisibility() && !e.disabled && !e.closest(".segments") && e.getBoundingClientRect().width < 1).map((e) => e.outerHTML));
      assert.deepEqual(stops, [], address);
    }
    await page.context().close();
  });

  test("one model alone is not compared", async () => {
    const page = await look(browser);
    const { models } = await system.get("models");
    await page.goto(`${system.url}/compare?with=${encodeURIComponent(models[0].id)}`);
    await page.getByText("Choose one model more").waitFor();
    assert.equal(await page.locator("#equity, .compared").count(), 0);
    await page.locator("[name=with]").nth(1).check();
    await page.getByRole("button", { name: "Compare" }).click();
    await page.locator(".compared").waitFor();
    await settled(page);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("a decision leads to the one before by key", async () => {
    const page = await look(browser);
    const { decision } = await pagesOf(system);
    await page.goto(system.url + decision);
    const before = page.url();
    await page.keyboard.press("ArrowRight");
    await page.waitForURL((u) => u.href !== before && u.pathname.includes("/decisions/"));
    await page.context().close();
  });

  test("it works behind a prefix", async () => {
    const { hostname, port } = new URL(system.url);
    const proxy = createServer((from, to) => {
      if (!from.url.startsWith("/arena/")) return to.writeHead(404).end();
      const ask = request({ hostname, port, path: from.url.slice("/arena".length), method: from.method, headers: from.headers }, (answer) => {
        to.writeHead(answer.statusCode, answer.headers);
        answer.pipe(to);
      });
      from.pipe(ask);
      to.on("close", () => ask.destroy());
    });
    await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
    const page = await look(browser);
    await page.goto(`http://127.0.0.1:${proxy.address().port}/arena/`);
    await settled(page);
    await page.locator("#standings tbody a").first().click();
    await page.waitForURL(/\/arena\/models\//);
    await settled(page);
    await page.getByRole("link", { name: "System" }).click();
    await page.waitForURL(/\/arena\/system$/);
    await page.getByLabel("Admin token").fill(adminToken);
    await page.getByRole("button", { name: "Enter" }).click();
    await page.locator("#configuration tbody tr").first().waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
    proxy.closeAllConnections();
    proxy.close();
  });

  test("a token is part of no address, also where no script runs", async () => {
    const page = await look(browser, { javaScriptEnabled: false });
    for (const address of Object.values(operators)) {
      await page.goto(system.url + address);
      await page.getByLabel("Admin token").fill(adminToken);
      await Promise.all([page.waitForEvent("framenavigated"), page.getByLabel("Admin token").press("Enter")]);
      assert.ok(!page.url().includes(adminToken), page.url());
    }
    await page.context().close();
  });

  test("a domain is moved and moved back, and a refused move says why", async (t) => {
    const page = await look(browser);
    // Reads go on.
    let over = false;
    const statuses = new Set();
    const reads = (async () => {
      while (!over) statuses.add((await fetch(`${system.url}/api/crypto-prices`)).status);
    })();
    t.after(() => (over = true));
    await page.goto(`${system.url}/cutover`);
    assert.equal(await page.locator("#operator").isVisible(), false);
    assert.deepEqual(await violations(page), []);
    const faults = page.faults.length;
    for (const wrong of ["a wrong one", "keiner – ключ ☃"]) {
      await page.reload();
      await page.getByLabel("Admin token").fill(wrong);
      await page.getByRole("button", { name: "Enter" }).click();
      await page.getByText("This is not the admin token").waitFor();
      assert.equal(await page.locator("#domains tr").count(), 0);
    }
    page.faults.length = faults; // the browser notes each 401
    await page.getByLabel("Admin token").fill(adminToken);
    await page.getByRole("button", { name: "Enter" }).click();
    const prices = page.locator('tr[data-domain="prices"]');
    await prices.waitFor();
    assert.equal(await page.locator("#domains tr").count(), 6);
    assert.ok(!page.url().includes(adminToken));
    assert.deepEqual(await violations(page), []);
    if (process.env.IMAGES) await page.screenshot({ path: join(process.env.IMAGES, "cutover-light.png") });
    await page.emulateMedia({ colorScheme: "dark" });
    assert.deepEqual(await violations(page), []);
    if (process.env.IMAGES) await page.screenshot({ path: join(process.env.IMAGES, "cutover-dark.png") });

    const move = async (read, write, reason) => {
      await prices.getByRole("button").click();
      await page.getByLabel("Read from").selectOption(read);
      await page.getByLabel("Writes to").selectOption(write);
      await page.getByRole("textbox", { name: "Reason" }).fill(reason);
      await page.locator("#go").click();
    };
    await move("store", "json", "cannot be");
    await page.locator("#refused").getByText("cannot be read from the store while").waitFor();
    assert.deepEqual(await violations(page), []);
    await page.getByRole("button", { name: "Cancel" }).click();
    await move("json", "both", "there");
    await prices.getByText("JSON files").first().waitFor();
    await page.locator("#changes").getByText("there", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Compare now" }).click();
    await page.locator('#runs details[data-domain="prices"]').first().getByText("equal").waitFor();
    await move("store", "store", "and back");
    await page.locator("#changes").getByText("and back", { exact: true }).waitFor();
    assert.deepEqual(page.faults.filter((f) => !/40[19]/.test(f)), []);

    // The token lasts as long as the tab.
    await page.reload();
    await prices.waitFor();
    await page.getByRole("button", { name: "Forget the token" }).click();
    assert.equal(await page.locator("#operator").isVisible(), false);
    over = true;
    await reads;
    assert.deepEqual([...statuses], [200]);
    await page.context().close();
  });

  test("a parity difference is shown with row, field and both values", async () => {
    const model = (await system.get("leaderboard")).leaderboard[0].id;
    const { trades } = await system.get(`trades?model_id=${encodeURIComponent(model)}&limit=2`);
    const trade = trades.at(-1);
    sql(system, `UPDATE trades SET realized_net_pnl = realized_net_pnl + 1 WHERE id = '${trade.id}'`);
    const page = await look(browser);
    await page.goto(`${system.url}/cutover`);
    await page.getByLabel("Admin token").fill(adminToken);
    await page.getByRole("button", { name: "Enter" }).click();
    await page.getByRole("button", { name: "Compare now" }).click();
    const report = page.locator('#runs details[data-domain="trades"]').filter({ hasText: "different" }).first();
    await report.waitFor();
    await report.locator("summary").click();
    const finding = report.locator("tr").filter({ hasText: trade.id }).filter({ hasText: "/realized_net_pnl" });
    await finding.waitFor();
    const text = await finding.textContent();
    assert.ok(text.includes(String(trade.realized_net_pnl)), text);
    assert.deepEqual(await violations(page), []);
    await page.context().close();
  });

  test("the first view is quick on a slow machine", async (t) => {
    const page = await look(browser);
    const devtools = await page.context().newCDPSession(page);
    // What other processes do meanwhile is not the page's.
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    let bytes = 0;
    await devtools.send("Network.enable");
    devtools.on("Network.loadingFinished", (e) => (bytes += e.encodedDataLength));
    // The page itself says once the frame with the curves is made, and that with the chart
    // that follows the cursor: looking from outside costs it time, as does all that is
    // exposed to it by other means.
    for (const domain of ["Page", "Runtime"]) await devtools.send(`${domain}.enable`);
    await devtools.send("Runtime.addBinding", { name: "drawn" });
    const seen = {};
    const drawn = Object.fromEntries(["curves", "chart"].map((what) => [what, new Promise((done) => (seen[what] = done))]));
    devtools.on("Runtime.bindingCalled", ({ payload }) => seen[payload]());
    await devtools.send("Page.addScriptToEvaluateOnNewDocument", { source: `addEventListener("DOMContentLoaded", () => {
      const box = document.querySelector("#equity");
      const say = (what) => requestAnimationFrame(() => setTimeout(() => drawn(what)));
      if (box.querySelector("path")) say("curves");
      const observer = new MutationObserver(() => {
        if (!box.querySelector("canvas")) return;
        observer.disconnect();
        say("chart");
      });
      observer.observe(box, { childList: true, subtree: true });
    })` });
    const began = performance.now();
    const arrived = page.goto(system.url);
    for (const what of ["curves", "chart"]) {
      await drawn[what];
      const all = performance.now() - began;
      const { metrics } = await devtools.send("Performance.getMetrics");
      const of = (name) => metrics.find((m) => m.name === name)?.value ?? 0;
      const busy = (of("TaskDuration") - of("DevToolsCommandDuration")) * 1000;
      t.diagnostic(`until the ${what}: ${Math.round(all)} ms in all, ${Math.round(busy)} ms of the main thread`);
    }
    await arrived;
    t.diagnostic(`${Math.round(bytes / 1024)} kB`);
    assert.ok(bytes > 0);
    await page.context().close();
  });
});

describe("operators", () => {
  let system;
  before(async () => (system = await start({ args: ["--play=off"] })), { timeout: 2 * patience });
  after(() => system?.stop());
  const admin = async (path) => (await fetch(`${system.url}/admin/${path}`, { headers: { Authorization: `Bearer ${adminToken}` } })).json();

  test("without the token there is nothing of theirs", async () => {
    const { paths } = await (await fetch(`${system.url}/openapi.json`)).json();
    const behind = Object.keys(paths).filter((p) => p.startsWith("/admin/") && paths[p].get);
    assert.ok(behind.length >= 12);
    for (const path of behind) assert.equal((await fetch(system.url + path)).status, 401, path);
    const page = await look(browser);
    const asked = [];
    page.on("request", (r) => asked.push(new URL(r.url()).pathname));
    for (const path of Object.values(operators)) {
      await page.goto(system.url + path);
      await page.getByLabel("Admin token").waitFor();
      assert.equal(await page.locator("#operator").isVisible(), false, path);
      assert.equal(await page.locator("[data-drawn] *").count(), 0, path);
      assert.deepEqual(await violations(page), [], path);
    }
    assert.deepEqual(asked.filter((path) => path.startsWith("/admin")), []);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("the inside of the process is shown, and is what the API says", async () => {
    for (const path of ["leaderboard", "trades", "leaderboard"]) await system.get(path);
    const parts = ["system", "outbox", "cache", "jobs", "statements", "tables", "migrations", "configuration"];
    const drawn = async (page) => {
      for (const part of parts) await page.locator(`#${part} [data-drawn] > *`).first().waitFor();
    };
    for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { viewport: { width: 360, height: 740 } }]) {
      const page = await signedIn(options);
      await page.goto(`${system.url}/system`);
      await drawn(page);
      assert.equal(await page.locator("#operator [role=alert]").count(), 0);
      assert.deepEqual(await violations(page), []);
      if (options.viewport) assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
      else if (process.env.IMAGES) await page.screenshot({ path: join(process.env.IMAGES, `system-${options.colorScheme}.png`) });
      assert.deepEqual(page.faults, []);
      await page.context().close();
    }
    const page = await signedIn();
    await page.goto(`${system.url}/system`);
    await drawn(page);
    const cells = (part, n = 0) => page.locator(`#${part} table`).nth(n).locator("tbody tr").evaluateAll((rows) => rows.map((r) => [...r.cells].map((c) => c.querySelector("data")?.value ?? c.textContent)));
    const { settings } = await admin("configuration");
    assert.deepEqual(await cells("configuration"), settings.map((s) => [s.key, s.value, s.origin, s.env]));
    assert.ok(!(await page.content()).includes(adminToken));
    const { applied } = await admin("migrations");
    assert.deepEqual((await cells("migrations")).map((c) => c[0]), applied.map((a) => a.version).reverse());
    const { tables } = await admin("tables");
    assert.deepEqual((await cells("tables")).map((c) => c[0]), tables.map((t) => t.name));
    const families = (await admin("cache")).families.map((f) => f.family);
    assert.deepEqual((await cells("cache")).map((c) => c[0]), families);
    const { jobs } = await admin("jobs");
    assert.deepEqual((await cells("jobs")).map((c) => [c[0], c[4]]), jobs.map((j) => [j.name, String(j.interval_seconds)]));

    // Figures that move are those of the answer that the page got: each one of it, and no other.
    const answers = {};
    const got = await signedIn();
    got.on("response", async (r) => {
      const name = /\/admin\/(\w+)$/.exec(new URL(r.url()).pathname)?.[1];
      if (name && r.ok()) answers[name] ??= await r.json();
    });
    await got.clock.install(); // nothing is asked again
    await got.goto(`${system.url}/system`);
    await drawn(got);
    while (!parts.every((part) => answers[part])) await new Promise((done) => setTimeout(done, 50));
    const figures = (value) => (typeof value === "number" ? [value] : typeof value === "object" && value ? Object.values(value).flatMap(figures) : []);
    const left = { system: ["goroutines"], tables: [], jobs: [], outbox: [], cache: [] };
    for (const [name, hidden] of Object.entries(left)) {
      const body = structuredClone(answers[name]);
      for (const member of hidden) delete body[member];
      const shown = await got.locator(`#${name} [data-drawn]`).evaluate((part) => [...part.querySelectorAll("data, time")].map((e) => (e.value !== undefined ? Number(e.value) : Date.parse(e.dateTime) / 1000)));
      const wanted = figures(body).map((n) => (n > 1e9 && n < 1e10 && !Number.isInteger(n) ? Math.floor(n * 1000) / 1000 : n));
      const sorted = (all) => all.map((n) => n.toFixed(6)).sort();
      assert.deepEqual(sorted(shown.filter((n) => n !== 0)), sorted(wanted.filter((n) => n !== 0)), name);
    }
    const { statements } = answers;
    assert.deepEqual(await got.locator("#statements tbody tr").evaluateAll((rows) => rows.map((r) => [r.cells[0].textContent, ...[...r.querySelectorAll("data")].map((d) => Number(d.value))])),
      statements.statements.slice(0, 25).map((s) => [s.name, ...[s.total_seconds, s.calls, s.mean_seconds, s.median_seconds, s.p99_seconds, s.errors].filter((v) => v != null)]));
    await got.context().close();

    await page.getByLabel("Log level").selectOption("debug");
    while ((await admin("log-level")).level !== "debug") await new Promise((done) => setTimeout(done, 50));
    await page.reload();
    await page.waitForFunction(() => document.querySelector("#level").value === "debug");
    await page.context().close();
  });

  test("the cutover is what the API says", async () => {
    const put = (domain, body) => fetch(`${system.url}/admin/rollout/${domain}`, {
      method: "PUT", headers: { Authorization: `Bearer ${adminToken}`, "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    assert.equal((await put("trades", { read: "json", write: "both", reason: "to see it" })).status, 200);
    assert.equal((await fetch(`${system.url}/admin/parity`, { method: "POST", headers: { Authorization: `Bearer ${adminToken}` } })).status, 200);
    const page = await signedIn();
    await page.goto(`${system.url}/cutover`);
    await page.locator("#runs details").first().waitFor();
    await page.waitForFunction(() => /mirror lag [\d.]+ s/.test(document.querySelector("#lag").textContent));
    const [rollout, { runs }] = [await admin("rollout"), await admin("parity")];
    const cells = (rows) => page.locator(rows).evaluateAll((all) => all.map((row) => [...row.cells].map((c) => c.querySelector("time")?.dateTime ?? c.textContent)));
    const names = { json: "JSON files", shadow: "JSON files, compared", both: "both", store: "Postgres" };
    const at = (when) => (typeof when === "number" ? new Date(when * 1000).toISOString() : when);
    const newest = (domain) => runs.find((run) => run.domain === domain);
    assert.deepEqual(await cells("#domains tr"), rollout.domains.map((d) => [
      d.domain, names[d.read], names[d.write], newest(d.domain) ? at(newest(d.domain).ran_at) : "–", d.changed ? at(d.changed.at) : "–", "Move…",
    ]));
    assert.deepEqual(await cells("#changes tr"), rollout.changes.map((c) => [
      at(c.at), c.domain, `${names[c.read_from]} → ${names[c.read_to]}`, `${names[c.write_from]} → ${names[c.write_to]}`, c.by, c.reason,
    ]));
    const said = await page.locator("#runs details summary").evaluateAll((all) => all.map((s) => s.textContent.replace(/, .*?: /, ": ")));
    assert.deepEqual(said, runs.map((run) => `${run.domain} ${run.verdict}: ${run.counts.compared} rows, ${run.counts.differences} differences, ${run.counts.not_compared} not compared`));
    const button = page.getByRole("button", { name: "Move trades" });
    // By keyboard alone: the dialog opens, says what a move does as it is chosen, and closes.
    await button.focus();
    await page.keyboard.press("Enter");
    await page.getByLabel("Read from").waitFor();
    const { read, write, moves } = rollout.domains.find((d) => d.domain === "trades");
    const options = (name) => page.locator(`#move [name=${name}] option`).evaluateAll((all) => all.map((o) => o.value));
    for (const to of await options("read")) {
      for (const writeTo of await options("write")) {
        await page.getByLabel("Read from").selectOption(to);
        await page.getByLabel("Writes to").selectOption(writeTo);
        const move = moves.find((m) => m.read === to && m.write === writeTo);
        const refused = move?.refused ? [`Refused${move.forceable ? " unless forced" : ""}: ${move.refused}.`] : [];
        assert.deepEqual(await page.locator("#effects li").allTextContents(),
          to === read && writeTo === write ? ["Nothing changes."] : [...refused, ...move.effects]);
      }
    }
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.activeElement.ariaLabel === "Move trades");
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("what became of writes is shown, with the reasons", async () => {
    const page = await signedIn();
    await page.goto(`${system.url}/ingest`);
    await page.getByText("Nothing came yet").waitFor();
    await system.post("models", { id: "written-by-the-test" });
    const refused = await system.send("equity", { model_id: "nobody-at-all", timestamp: "late", dollar_equity: 1 });
    assert.equal(refused.status, 422);
    await page.reload();
    await page.locator("#rejected tr").waitFor();
    await page.locator("#minutes canvas").waitFor();
    const { kinds, rejected } = await admin("ingest");
    const rows = await page.locator("#kinds tr").evaluateAll((all) => all.map((r) => [r.cells[0].textContent, ...[...r.querySelectorAll("data")].map((d) => Number(d.value))]));
    assert.deepEqual(rows, kinds.map((k) => [k.kind, k.accepted, k.unchanged, k.rejected]));
    const text = await page.locator("#rejected tr").textContent();
    assert.ok(text.includes(rejected[0].detail) && text.includes("/timestamp"), text);
    // The hour is that of all kinds, or of one.
    const drawn = () => page.locator("#minutes-says").textContent();
    const sum = (of) => ["accepted", "unchanged", "rejected"].map((o) => `${kinds.filter(of).reduce((n, k) => n + k[o], 0)} ${o}`).join(", ");
    assert.match(await drawn(), new RegExp(sum(() => true)));
    await page.locator("#kind").selectOption("equity");
    await page.waitForURL((u) => u.searchParams.get("kind") === "equity");
    assert.match(await drawn(), new RegExp(sum((k) => k.kind === "equity")));
    await page.reload();
    await page.waitForFunction(() => document.querySelector("#kind").value === "equity");
    await page.waitForFunction((text) => document.querySelector("#minutes-says").textContent.includes(text), sum((k) => k.kind === "equity"));
    await page.locator("#kind").selectOption({ index: 0 });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await violations(page), []);
      if (process.env.IMAGES) await page.screenshot({ path: join(process.env.IMAGES, `ingest-${colorScheme}.png`) });
    }
    await page.setViewportSize({ width: 360, height: 740 });
    await page.waitForFunction(() => document.documentElement.scrollWidth === 360);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });
});

describe("a server that is gone", () => {
  let system, port, sockets, door;
  // What the browser reaches vanishes at once, as with a server that was killed, and comes
  // back at the same address.
  const opened = () => new Promise((done) => {
    sockets = new Set();
    door = listen((from) => {
      const to = connect(new URL(system.url).port, "127.0.0.1");
      for (const [one, other] of [[from, to], [to, from]]) {
        sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => (sockets.delete(one), other.destroy()));
        one.pipe(other);
      }
    });
    door.listen(port ?? 0, "127.0.0.1", () => {
      port = door.address().port;
      done();
    });
  });
  const killed = () => {
    door.close();
    for (const socket of sockets) socket.destroy();
  };
  before(async () => {
    system = await start({ args: ["--play=off"] });
    await opened();
  }, { timeout: 2 * patience });
  after(async () => {
    killed();
    await system?.stop();
  });

  test("every page says so, keeps what it shows, and goes on when it is back", async () => {
    const { models } = await system.get("models");
    const pages = [];
    for (const path of ["/", `/models/${encodeURIComponent(models[0].id)}`, ...Object.values(operators)]) {
      const page = await signedIn();
      await page.goto(`http://127.0.0.1:${port}${path}`);
      await settled(page);
      if (Object.values(operators).includes(path)) await page.locator("#operator").waitFor();
      pages.push(page);
    }
    killed();
    const live = pages.slice(0, 2);
    const theirs = pages.slice(2);
    for (const page of live) {
      await page.getByText("connection lost").waitFor();
      assert.ok(await page.locator("#equity canvas, #trades tr, #trades li").count() > 1);
    }
    for (const page of theirs) {
      await page.locator("#refusal").getByText("The server cannot be reached").waitFor();
      assert.equal(await page.locator("#operator").isVisible(), true, page.url());
    }
    assert.ok(await theirs[0].locator("#domains tr").count() === 6);
    // A move that reaches nobody says so, and is not made.
    await theirs[0].locator('tr[data-domain="prices"]').getByRole("button").click();
    await theirs[0].getByRole("textbox", { name: "Reason" }).fill("nobody hears it");
    await theirs[0].locator("#go").click();
    await theirs[0].locator("#refused").getByText("The server cannot be reached").waitFor();
    await theirs[0].getByRole("button", { name: "Cancel" }).click();
    await opened();
    for (const page of live) await page.locator('#live[data-state="live"]').waitFor();
    for (const page of theirs) await page.locator("#refusal").waitFor({ state: "hidden" });
    const now = Date.now() / 1000;
    await system.post("equity", { model_id: models[0].id, timestamp: now, dollar_equity: 4321.09, since_inception_hourly_marker: 201, positions: {} });
    for (const page of live) await page.waitForFunction((id) => document.querySelector(`button[data-model="${CSS.escape(id)}"] b`).textContent === "$4,321.09", models[0].id);
    await theirs[2].waitForFunction(() => document.querySelector("#kinds")?.textContent.includes("equity"));
    for (const page of pages) await page.context().close();
  });
});

describe("a capture", () => {
  let system;
  before(async () => (system = await start({ env: { NOF0_SNAPSHOT_DIR: resolve("../../../testdata/earlier") } })), { timeout: 2 * patience });
  after(() => system.stop());
  test("every page renders", async () => renders(system, await pagesOf(system)));
});

describe("names and figures at the edge of what is accepted", () => {
  let system;
  const odd = 'ann/the "first" <b>ü</b> 50%2F?#&';
  const symbol = "A/B?'ß";
  before(async () => {
    system = await start({ args: ["--empty"] });
    const now = Math.floor(Date.now() / 1000);
    const curve = async (model_id, ...equities) => {
      await system.post("models", { id: model_id, display_name: model_id === "rich" ? "  " : model_id });
      for (const [i, dollar_equity] of equities.entries()) {
        await system.post("equity", { model_id, timestamp: now - 60 * (equities.length - i), dollar_equity, since_inception_hourly_marker: 0, positions: {} });
      }
    };
    await curve(odd, 1e4, 2e4, 3e4);
    await curve("in debt", 1e4, 0, -500, 200);
    await curve("from nothing", 0, 0, -1e-6);
    await curve("rich", 1e15, 9e14);
    await curve("without trades", 1e4);
    await system.post("prices", { items: [0, 1, 2].map((i) => ({ symbol, price: 1e-6 * (1 + i), timestamp: (now - 7200 * i) * 1000 })) });
    await system.post("trades", { trade: {
      id: 'a/"trade"', model_id: odd, symbol, side: "long", quantity: 1e-9, entry_time: now - 600, entry_price: 1e-6,
      exit_time: now - 1, exit_price: 2e-6, realized_gross_pnl: 1e-6, realized_net_pnl: 1e-6, total_commission_dollars: 0,
    }, remaining: null });
  }, { timeout: 2 * patience });
  after(() => system?.stop());

  test("every page shows them, and its links lead on", async () => {
    const page = await look(browser);
    await page.goto(system.url);
    await settled(page);
    await page.locator("#standings").getByRole("link", { name: odd }).click();
    await page.getByRole("heading", { level: 1, name: odd }).waitFor();
    await settled(page);
    await page.locator("#trades").getByRole("link", { name: symbol }).click();
    await page.getByRole("heading", { level: 1, name: symbol }).waitFor();
    await settled(page);
    assert.equal(await page.locator("#price canvas").count(), 1);
    assert.equal(await page.locator("#trades tbody td").nth(1).textContent(), "0.000000001");
    assert.deepEqual(page.faults, []);
    await page.context().close();
    await renders(system, {
      arena: "/", alone: `/?model=${encodeURIComponent(odd)}`, symbol: `/symbols/${encodeURIComponent(symbol)}`,
      ...Object.fromEntries([odd, "in debt", "from nothing", "rich", "without trades"].map((id) => [id, `/models/${encodeURIComponent(id)}`])),
      compare: `/compare?${[odd, "in debt", "rich"].map((id) => `with=${encodeURIComponent(id)}`).join("&")}`,
    });
  });

  test("a scale that a curve has no place on says so", async () => {
    const page = await look(browser);
    const says = () => page.locator("#equity").getAttribute("data-says");
    const note = (text) => page.waitForFunction((text) => document.querySelector(".legend li:last-child").textContent === text, text);
    for (const [query, nothing, left] of [
      ["", null, ""],
      ["?scale=log", null, "What is not above zero is left out."],
      ["?scale=log&model=in+debt", null, "What is not above zero is left out."],
      ["?scale=log&model=from+nothing", "Nothing here is above zero, as a log scale needs it."],
      ["?unit=pct", null, "What is not above zero is left out."],
      ["?unit=pct&model=from+nothing", "Nothing here began above zero, as a change in percent needs it."],
      ["?range=custom&from=1000&to=2000", "Nothing in this range."],
    ]) {
      await page.goto(`${system.url}/${query}`);
      await settled(page);
      assert.equal(await says(), nothing, query);
      if (left != null) await note(left);
    }
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("an address with a range that is none says so, and the page goes on", async () => {
    const page = await look(browser);
    for (const query of ["from=2000&to=1000", "from=soon&to=later", "from=1e300&to=2e300", "from=-1&to=5"]) {
      for (const path of ["/", `/models/${encodeURIComponent(odd)}`, `/symbols/${encodeURIComponent(symbol)}`]) {
        await page.goto(`${system.url}${path}?range=custom&${query}`);
        await page.locator(".chart[data-says]").first().waitFor();
        await page.waitForFunction(() => !/Loading/.test(document.querySelector(".chart").dataset.says));
        await page.locator('#live[data-state="live"]').waitFor();
      }
    }
    assert.deepEqual(page.faults.filter((f) => !/400/.test(f)), []);
    // What is entered is checked before it is asked for.
    await page.goto(system.url);
    await settled(page);
    await page.getByLabel("Custom").check({ force: true });
    await page.getByLabel("From").fill("2025-01-02T10:30");
    await page.getByLabel("to", { exact: true }).fill("2025-01-01T10:30");
    await page.getByRole("button", { name: "Show" }).click();
    assert.equal(await page.locator("#custom [name=to]").evaluate((input) => input.validationMessage), "The end lies before the begin.");
    assert.equal(new URL(page.url()).searchParams.get("from"), null);
    await page.context().close();
  });
});

describe("an empty arena", () => {
  let system;
  before(async () => (system = await start({ args: ["--empty"] })), { timeout: 2 * patience });
  after(() => system?.stop());

  test("it says what to do, and shows what comes", async () => {
    await renders(system, { arena: "/", search: "/search?q=profit", compare: "/compare", ...operators });
    const page = await look(browser);
    await page.goto(system.url);
    await page.getByText("nof0 season play").waitFor();
    await settled(page);
    await system.post("equity", { model_id: "first", timestamp: Date.now() / 1000, dollar_equity: 10000, since_inception_hourly_marker: 0, positions: {} });
    await page.locator("#equity canvas").waitFor();
    await page.locator('tr[data-model="first"]').waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("it outlives the server", async () => {
    const page = await look(browser);
    await page.goto(system.url);
    await settled(page);
    const { host } = new URL(system.url);
    await system.stop();
    await page.getByText("connection lost").waitFor();
    system = await start({ args: ["--empty"], address: host });
    await page.locator('#live[data-state="live"]').waitFor();
    await page.getByText("Nobody yet").waitFor();
    await page.context().close();
  });
});
