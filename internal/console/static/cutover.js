// The cutover, by the same API as nof0 rollout and nof0 parity, with the admin token.
import { written } from "./console.js";

const $ = (selector) => document.querySelector(selector);
const root = document.body.dataset.root;
const modes = { json: "JSON files", shadow: "JSON files, compared", both: "both", store: "Postgres" };
let state, runs, moving;

// token is kept for the tab, and for the page where there is no storage.
let held = "";
try {
  held = sessionStorage.getItem("admin-token") ?? "";
} catch {
  // For this page.
}
function hold(token) {
  held = token;
  try {
    if (token) sessionStorage.setItem("admin-token", token);
    else sessionStorage.removeItem("admin-token");
  } catch {
    // For this page.
  }
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((c) => c != null));
  return made;
}
const row = (first, ...cells) => element("tr", {}, element("th", { scope: "row" }, first), ...cells.map((c) => element("td", {}, c ?? "–")));
const time = (at) => element("time", { dateTime: at, title: at }, written(new Date(at)));

async function ask(path, options = {}) {
  const answer = await fetch(root + path, {
    ...options, cache: "no-store", headers: { ...options.headers, Authorization: `Bearer ${held}` },
  });
  const body = await answer.json();
  if (answer.ok) return body;
  const errors = (body.errors ?? []).map((e) => e.reason).join("; ");
  throw Object.assign(new Error([body.detail, errors].filter(Boolean).join(" ")), { status: answer.status });
}

// refuse shows why something cannot be done. Without the token there is nothing to see.
function refuse(error) {
  if (error.status === 401) {
    hold("");
    show(false);
    error = new Error("This is not the admin token of this server.");
  }
  $("#refusal").textContent = error.status ? error.message : error.message || "The server cannot be reached.";
  $("#refusal").hidden = false;
}

function show(allowed) {
  $("#operator").hidden = !allowed;
  $("#token").hidden = allowed;
  if (!allowed) for (const id of ["domains", "changes", "runs"]) $(`#${id}`).replaceChildren();
}

async function load() {
  try {
    [state, { runs }] = await Promise.all([ask("admin/rollout"), ask("admin/parity")]);
    $("#refusal").hidden = true;
    show(true);
    drawDomains();
    drawRuns(runs);
    await drawLag();
  } catch (error) {
    refuse(error);
  }
}

async function drawLag() {
  const text = await (await fetch(root + "metrics")).text();
  const lag = /^nof0_json_mirror_lag_seconds (\S+)$/m.exec(text);
  $("#lag").textContent = lag ? `mirror lag ${Number(lag[1]).toFixed(1)} s` : "mirror lag –";
}

const newestOf = (domain) => runs.find((r) => r.domain === domain);

function drawDomains() {
  $("#domains").replaceChildren(...state.domains.map((d) => {
    const parity = newestOf(d.domain);
    const move = element("button", { type: "button", onclick: () => open(d) }, "Move…");
    move.setAttribute("aria-label", `Move ${d.domain}`);
    const line = row(d.domain, modes[d.read], modes[d.write],
      parity && element("span", {}, `${parity.verdict}, `, time(new Date(parity.ran_at * 1000).toISOString())), d.changed && time(d.changed.at), move);
    line.dataset.domain = d.domain;
    return line;
  }));
  $("#changes").replaceChildren(...state.changes.map((c) => row(
    time(c.at), c.domain, `${modes[c.read_from]} → ${modes[c.read_to]}`, `${modes[c.write_from]} → ${modes[c.write_to]}`, c.by,
    c.reason + (c.forced ? " (forced)" : ""),
  )));
}

function drawRuns(shown) {
  const unfolded = new Set([...document.querySelectorAll("#runs details[open]")].map((d) => d.dataset.run));
  $("#runs").replaceChildren(...shown.map((run) => {
    const { compared, differences, not_compared } = run.counts;
    const findings = [...run.findings, ...(run.information ?? [])];
    const list = element("details", { open: unfolded.has(String(run.id)) || false },
      element("summary", {}, element("b", {}, run.domain), ` ${run.verdict}, `, time(new Date(run.ran_at * 1000).toISOString()),
        `: ${compared} rows, ${differences} differences, ${not_compared} not compared`));
    list.dataset.run = run.id;
    list.dataset.domain = run.domain;
    if (findings.length === 0) list.append(element("p", { className: "quiet" }, "Nothing to show."));
    else {
      const table = element("table", { className: "texts" },
        element("thead", {}, element("tr", {}, ...["Row", "Field", "What", "JSON files", "Postgres"].map((t) => element("th", { scope: "col" }, t)))),
        element("tbody", {}, ...findings.map((f) => row([f.view, f.model, f.id].filter(Boolean).join(" "), f.field, [f.kind, f.reason].filter(Boolean).join(": "),
          "json" in f ? element("code", {}, JSON.stringify(f.json)) : undefined, "store" in f ? element("code", {}, JSON.stringify(f.store)) : undefined))));
      const wide = element("div", { className: "wide", tabIndex: 0 }, table);
      wide.setAttribute("role", "group");
      wide.setAttribute("aria-label", `Findings of ${run.domain}`);
      list.append(wide);
    }
    return list;
  }));
  if (shown.length === 0) $("#runs").append(element("p", { className: "quiet" }, "Nothing was compared yet."));
}

// What a move does, and what refuses it.
function effects(from, to, parity) {
  const says = [];
  if (to.read === "store" && to.write === "json") says.push("Refused: what goes to the files alone cannot be read from Postgres.");
  if (to.write === "store" && to.read !== "store") says.push("Refused: what goes to Postgres alone cannot be read from the files.");
  if (from.read === to.read && from.write === to.write) says.push("Nothing changes.");
  if (from.write === "json" && to.write !== "json") says.push("First the JSON files are imported; a row that Postgres cannot take refuses the move.");
  const rendered = from.write !== "json" && (from.write !== to.write ? to.write !== "store" : from.read === "store" && to.read !== "store");
  if (rendered) says.push("First the JSON files are rendered from Postgres.");
  if (to.read === "store" && from.read !== "store" && parity?.verdict !== "equal") {
    says.push(parity ? `Refused unless forced: the last parity run ended with ${parity.verdict}.` : "Refused unless forced: there is no parity run yet.");
  }
  says.push({
    json: "Answers come from the JSON files.", shadow: "Answers come from the JSON files; a sample is also asked of Postgres and compared.",
    store: "Answers come from Postgres.",
  }[to.read]);
  says.push({
    json: "Writes go to the JSON files alone.", both: "Writes go to Postgres, and the JSON files follow.", store: "Writes go to Postgres alone.",
  }[to.write]);
  return says;
}

const form = $("#move form");
const wanted = () => ({ read: form.elements.read.value, write: form.elements.write.value });
function open(domain) {
  moving = domain;
  form.reset();
  form.elements.read.value = domain.read;
  form.elements.write.value = domain.write;
  $("#move-title").textContent = `Move ${domain.domain}`;
  $("#refused").hidden = true;
  explain();
  $("#move").showModal();
}
function explain() {
  $("#effects").replaceChildren(...effects(moving, wanted(), newestOf(moving.domain)).map((text) => element("li", {}, text)));
}
form.addEventListener("change", explain);
$("#cancel").addEventListener("click", () => $("#move").close());
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  $("#go").disabled = true;
  try {
    await ask(`admin/rollout/${moving.domain}`, {
      method: "PUT", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...wanted(), reason: form.elements.reason.value, force: form.elements.force.checked }),
    });
    $("#move").close();
    await load();
  } catch (error) {
    if (error.status === 401) $("#move").close();
    if (error.status === 401) refuse(error);
    $("#refused").textContent = error.message || "The server cannot be reached.";
    $("#refused").hidden = false;
  } finally {
    $("#go").disabled = false;
  }
});

$("#compare").addEventListener("click", async () => {
  $("#compare").disabled = true;
  $("#comparing").textContent = "comparing…";
  try {
    await ask("admin/parity", { method: "POST" });
    await load();
  } catch (error) {
    refuse(error);
  } finally {
    $("#compare").disabled = false;
    $("#comparing").textContent = "";
  }
});
$("#token").addEventListener("submit", (event) => {
  event.preventDefault();
  hold($("#token").elements.token.value.trim());
  $("#token").reset();
  load();
});
$("#forget").addEventListener("click", () => {
  hold("");
  show(false);
});
document.addEventListener("redraw", () => held && load());
if (held) load();
// Others move domains too.
setInterval(() => held && !$("#move").open && document.visibilityState === "visible" && load(), 10_000);
