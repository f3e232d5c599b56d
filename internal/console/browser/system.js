// A system with servers of its own, and a browser to look at it.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, readFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const ingestToken = "ingest-token-of-the-browser-tests";
export const adminToken = "admin-token-of-the-browser-tests";
export const patience = 120_000; // of every wait: the machine may be busy

// start runs nof0 dev until stop is called. The address is free unless one is given.
export async function start({ args = [], env = {}, address = "127.0.0.1:0" } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "nof0-console-"));
  chmodSync(dir, 0o755); // the account of the database goes through it
  const child = spawn(process.env.NOF0, ["dev", "--ephemeral", "--redis=server", ...args], {
    env: {
      ...process.env, NOF0_HTTP_ADDR: address, NOF0_DATA_DIR: join(dir, "data"),
      NOF0_INGEST_TOKEN: ingestToken, NOF0_ADMIN_TOKEN: adminToken, ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = [];
  let database;
  createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      said.push(line);
      if (line.startsWith("database ")) database = line.slice("database ".length);
      if (line.startsWith("ready ")) resolve(line.slice("ready ".length));
    });
    ended.then((code) => reject(new Error(`nof0 dev ended with ${code}:\n${said.join("\n")}`)));
  });
  return {
    url, database,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
    // send sends an item to the API.
    send(kind, item) {
      return fetch(`${url}/api/ingest/${kind}?register=true`, {
        method: "POST", body: JSON.stringify(item),
        headers: { Authorization: `Bearer ${ingestToken}`, "Content-Type": "application/json" },
      });
    },
    // post stores an item by the API, which has to take it.
    async post(kind, item) {
      const answer = await this.send(kind, item);
      const said = await answer.text();
      if (!answer.ok || said.includes('"rejected"')) throw new Error(`${kind}: ${answer.status} ${said}`);
    },
    async get(path) {
      const answer = await fetch(`${url}/api/${path}`);
      return answer.json();
    },
  };
}

// sql changes a database behind everybody's back.
export function sql(system, statement) {
  execFileSync("psql", ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", system.database, "--command", statement]);
}

export async function open() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
}

// look opens a page that keeps what went wrong in it.
export async function look(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.faults = [];
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && page.faults.push(m.text()));
  page.on("pageerror", (e) => page.faults.push(String(e)));
  return page;
}

// settled waits until a page shows everything that it reads.
export async function settled(page) {
  await page.waitForFunction(() => [...document.querySelectorAll(".chart")].every((c) => c.querySelector("canvas") || /Nothing|No prices/.test(c.dataset.says ?? "")));
  await page.waitForFunction(() => ["live", "none"].includes(document.querySelector("#live").dataset.state));
}

// violations are what axe finds.
export async function violations(page) {
  return page.evaluate(`${axe}; axe.run({ resultTypes: ["violations"] }).then((found) =>
    found.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.any.map((a) => a.message)).join(" | ")))`);
}
