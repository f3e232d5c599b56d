// What the pages of operators have in common: the admin token, the API behind it, tables.
import { written } from "./console.js";

const $ = (selector) => document.querySelector(selector);
const root = document.body.dataset.root;

// The token is kept for the tab, and for the page where there is no storage.
let token = "";
try {
  token = sessionStorage.getItem("admin-token") ?? "";
} catch {
  // For this page.
}
function keep(other) {
  token = other;
  try {
    if (token) sessionStorage.setItem("admin-token", token);
    else sessionStorage.removeItem("admin-token");
  } catch {
    // For this page.
  }
}

export function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((c) => c != null));
  return made;
}
export const row = (first, ...cells) => element("tr", {}, element("th", { scope: "row" }, first), ...cells.map((c) => element("td", {}, c ?? "–")));
export function time(at) {
  if (at == null) return undefined;
  const iso = typeof at === "number" ? new Date(at * 1000).toISOString() : at;
  return element("time", { dateTime: iso, title: iso }, written(new Date(iso)));
}
// A figure for people carries the exact one.
export const figure = (value, text = value.toLocaleString("en", { maximumFractionDigits: 3 })) => element("data", { value: String(value) }, text);

// table is a table with its head, which scrolls by itself where it is wide.
export function table(name, head, rows) {
  const wide = element("div", { className: "wide", tabIndex: 0 }, element("table", { className: "texts" },
    element("thead", {}, element("tr", {}, ...head.map((t) => element("th", { scope: "col" }, t)))), element("tbody", {}, ...rows)));
  wide.setAttribute("role", "group");
  wide.setAttribute("aria-label", name);
  return wide;
}

export async function ask(path, options = {}) {
  // A header has no other characters, and so no token has.
  if (/[^ -\xff]/.test(token)) throw Object.assign(new Error(), { status: 401 });
  const answer = await fetch(root + path, {
    ...options, cache: "no-store", headers: { ...options.headers, Authorization: `Bearer ${token}` },
  });
  const body = await answer.json();
  if (answer.ok) return body;
  const errors = (body.errors ?? []).map((e) => e.reason).join("; ");
  throw Object.assign(new Error([body.detail, errors].filter(Boolean).join(" ")), { status: answer.status });
}
export const send = (path, method, body) => ask(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

// explained is what to tell people of an error.
export const explained = (error) => (error.status ? error.message : "The server cannot be reached. It is tried again.");

// refuse shows why something cannot be done. Without the token there is nothing to see.
export function refuse(error) {
  let text = explained(error);
  if (error.status === 401) {
    keep("");
    show(false);
    text = "This is not the admin token of this server.";
  }
  $("#refusal").textContent = text;
  $("#refusal").hidden = false;
}

function show(allowed) {
  $("#operator").hidden = !allowed;
  $("#token").hidden = allowed;
  if (!allowed) for (const part of document.querySelectorAll("#operator [data-drawn]")) part.replaceChildren();
}

// follow calls load, with the token, now and then again and again; what it throws is shown.
// busy says when it should wait.
export function follow(load, busy = () => false) {
  const run = async () => {
    const focused = document.activeElement;
    try {
      await load();
      if (!token) return;
      // What is drawn anew keeps the focus.
      if (!focused.isConnected && focused.ariaLabel) $(`[aria-label="${CSS.escape(focused.ariaLabel)}"]`)?.focus({ preventScroll: true });
      $("#refusal").hidden = true;
      show(true);
    } catch (error) {
      refuse(error);
    }
  };
  $("#token").addEventListener("submit", (event) => {
    event.preventDefault();
    keep($("#secret").value.trim());
    $("#token").reset();
    run();
  });
  $("#forget").addEventListener("click", () => {
    keep("");
    show(false);
  });
  document.addEventListener("redraw", () => token && run());
  if (token) run();
  setInterval(() => token && !busy() && document.visibilityState === "visible" && run(), 10_000);
  return run;
}
