// What every page does: time zone, theme, what is chosen in the address, the stream.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

// The address holds every selection, so that it can be shared.
export const chosen = (name) => new URLSearchParams(location.search).get(name) ?? "";
export function choose(selection) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(selection)) {
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
  }
  history.replaceState(null, "", address);
}

function remember(name, value) {
  try {
    if (value) localStorage.setItem(name, value);
    else localStorage.removeItem(name);
  } catch {
    // Without storage it holds for this page.
  }
}
function remembered(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

// The zone of all times, "" for that of the reader. One that is unknown is none.
const zones = new Map(); // to ask for one costs a millisecond
function known(zone) {
  if (!zone || zones.has(zone)) return zones.get(zone);
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    zones.set(zone, zone);
  } catch {
    zones.set(zone, "");
  }
  return zones.get(zone);
}
export const zone = () => known(chosen("tz") || remembered("zone")) || undefined;

// written is a time for people. What Intl does not have to write it does not: a browser's
// first use of it takes a tenth of the time until the curves are there.
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n) => String(n).padStart(2, "0");
const writers = new Map();
export function written(date) {
  const name = zone();
  if (!name) return `${date.getDate()} ${months[date.getMonth()]} ${two(date.getHours())}:${two(date.getMinutes())}`;
  if (!writers.has(name)) {
    writers.set(name, new Intl.DateTimeFormat("en-GB", {
      timeZone: name, day: "numeric", month: "numeric", hour: "2-digit", minute: "2-digit",
    }));
  }
  const of = Object.fromEntries(writers.get(name).formatToParts(date).map((part) => [part.type, part.value]));
  return `${of.day} ${months[of.month - 1]} ${of.hour}:${of.minute}`;
}

// script loads one that is no module, from where this one is.
export function script(name) {
  return new Promise((done, failed) => {
    document.head.append(Object.assign(document.createElement("script"), { src: new URL(name, import.meta.url), onload: done, onerror: failed }));
  });
}

function writeTimes(within) {
  for (const time of $$("time", within)) {
    time.textContent = written(new Date(time.dateTime));
    time.title = time.dateTime;
  }
}

function zoneChoice(select) {
  const add = (name) => select.add(new Option(name.replaceAll("_", " "), name));
  const now = zone();
  if (now && now !== "UTC") add(now);
  select.value = now ?? "";
  // The list is long, and few want it.
  const fill = () => {
    const there = new Set([...select.options].map((o) => o.value));
    for (const name of Intl.supportedValuesOf("timeZone")) if (!there.has(name)) add(name);
  };
  select.addEventListener("focus", fill, { once: true });
  select.addEventListener("pointerdown", fill, { once: true });
  select.addEventListener("change", () => {
    choose({ tz: select.value });
    remember("zone", select.value);
    writeTimes(document);
    document.dispatchEvent(new Event("redraw"));
  });
}

function themeChoice(select) {
  select.value = document.documentElement.dataset.theme ?? "";
  select.addEventListener("change", () => {
    if (select.value) document.documentElement.dataset.theme = select.value;
    else delete document.documentElement.dataset.theme;
    remember("theme", select.value);
    document.dispatchEvent(new Event("redraw"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("redraw")));
}

// The stream: what comes is shown at once, and what is made from much of it read anew,
// at most once a second.
let refreshing;
let refreshed = 0;
function refresh() {
  refreshing ??= setTimeout(() => {
    refreshing = undefined;
    refreshed = Date.now();
    if ($("main > .empty")) location.reload();
    else if ($("#refresh")) htmx.trigger("#refresh", "refresh");
  }, Math.max(50, refreshed + 1000 - Date.now()));
}

function showPrices(prices) {
  for (const { symbol, price } of prices) {
    const shown = $(`[data-symbol="${CSS.escape(symbol)}"] data`);
    if (!shown || Number(shown.value) === price) continue;
    const item = shown.closest("[data-symbol]");
    item.className = price > Number(shown.value) ? "up" : "down";
    setTimeout(() => (item.className = ""), 300);
    shown.value = price;
    shown.textContent = "$" + price.toLocaleString("en", { maximumSignificantDigits: 15 });
  }
}

function showState(state, text) {
  const chip = $("#live");
  chip.dataset.state = state;
  chip.textContent = text;
}

function follow(chart) {
  let lost = false;
  document.addEventListener("htmx:sseOpen", () => {
    showState("live", "live");
    if (!lost) return;
    lost = false;
    refresh();
    chart?.load();
  });
  document.addEventListener("htmx:sseError", () => {
    lost = true;
    showState("lost", "connection lost, trying again");
  });
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    event.preventDefault(); // it is no HTML
    const message = event.detail;
    const { competition_id, model_id, data } = JSON.parse(message.data);
    chart?.add(message.type, competition_id, data);
    const only = $("#refresh").dataset.model;
    if (message.type === "prices") showPrices(data.prices);
    else if (!only || !model_id || only === model_id) refresh();
  });
}

// Trades that come later are marked for a moment.
const seen = new Set();
function markNew() {
  const first = seen.size === 0;
  for (const item of $$("[data-trade]")) {
    if (!first && !seen.has(item.dataset.trade)) item.classList.add("new");
    seen.add(item.dataset.trade);
  }
}

// Without it the first page answers a program.
document.addEventListener("htmx:configRequest", (event) => (event.detail.headers.Accept = "text/html"));
zoneChoice($("#zone"));
themeChoice($("#theme"));
$("#competition")?.addEventListener("change", (event) => {
  choose({ competition: event.target.value, model: "", from: "", to: "", range: "" });
  location.reload();
});
// A link may have a key.
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, [tabindex='0']")) return;
  $(`[data-key="${CSS.escape(event.key)}"]`)?.click();
});

// live shows what comes over the stream, on a page that has one. The chart comes first.
export async function live(chart) {
  await chart?.first;
  const template = $("#stream");
  if (!template) return;
  if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
  document.addEventListener("htmx:load", ({ target }) => {
    writeTimes(target);
    markNew();
  });
  await script("lib/htmx.min.js");
  await script("lib/sse.min.js");
  follow(chart);
  const stream = document.importNode(template.content, true).firstElementChild;
  document.body.append(stream);
  htmx.process(stream);
}
if (!$("#stream")) {
  showState("none", "as of now");
  writeTimes(document);
}
