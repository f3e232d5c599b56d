// The cutover, by the same API as nof0 rollout and nof0 parity, with the admin token.
import { ask, element, explained, follow, refuse, row, send, table, time } from "./operators.js";

const $ = (selector) => document.querySelector(selector);
const modes = { json: "JSON files", shadow: "JSON files, compared", both: "both", store: "Postgres" };
let state, runs, moving;

async function load() {
  [state, { runs }] = await Promise.all([ask("admin/rollout"), ask("admin/parity")]);
  drawDomains();
  drawRuns(runs);
  await drawLag();
}

async function drawLag() {
  const text = await (await fetch(document.body.dataset.root + "metrics")).text();
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
      parity && element("span", {}, `${parity.verdict}, `, time(parity.ran_at)), d.changed && time(d.changed.at), move);
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
      element("summary", {}, element("b", {}, run.domain), ` ${run.verdict}, `, time(run.ran_at),
        `: ${compared} rows, ${differences} differences, ${not_compared} not compared`));
    list.dataset.run = run.id;
    list.dataset.domain = run.domain;
    if (findings.length === 0) list.append(element("p", { className: "quiet" }, "Nothing to show."));
    else {
      list.append(table(`Findings of ${run.domain}`, ["Row", "Field", "What", "JSON files", "Postgres"], findings.map((f) => row(
        [f.view, f.model, f.id].filter(Boolean).join(" "), f.field, [f.kind, f.reason].filter(Boolean).join(": "),
        "json" in f ? element("code", {}, JSON.stringify(f.json)) : undefined, "store" in f ? element("code", {}, JSON.stringify(f.store)) : undefined,
      ))));
    }
    return list;
  }));
  if (shown.length === 0) $("#runs").append(element("p", { className: "quiet" }, "Nothing was compared yet."));
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
  const { read, write } = wanted();
  const move = moving.moves.find((m) => m.read === read && m.write === write);
  const refused = move?.refused ? [`Refused${move.forceable ? " unless forced" : ""}: ${move.refused}.`] : [];
  $("#effects").replaceChildren(...[...refused, ...(move?.effects ?? ["Nothing changes."])].map((text) => element("li", {}, text)));
}
form.addEventListener("change", explain);
$("#cancel").addEventListener("click", () => $("#move").close());
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  $("#go").disabled = true;
  try {
    await send(`admin/rollout/${moving.domain}`, "PUT", { ...wanted(), reason: form.elements.reason.value, force: form.elements.force.checked });
    $("#move").close();
    await run();
  } catch (error) {
    if (error.status === 401) $("#move").close();
    if (error.status === 401) refuse(error);
    $("#refused").textContent = explained(error);
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
    await run();
  } catch (error) {
    refuse(error);
  } finally {
    $("#compare").disabled = false;
    $("#comparing").textContent = "";
  }
});
// Others move domains too.
const run = follow(load, () => $("#move").open);
