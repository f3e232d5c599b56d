// What all charts have in common.
import { choose, chosen, script, zone } from "./console.js";

const spans = { "7d": 7 * 86400, "72h": 72 * 3600, "24h": 24 * 3600 };

// How uPlot writes times, by the step between two of them: what stands at each, and what
// is added at the first of a year and of a day.
const clock = [
  [3600 * 24 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [3600 * 24 * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [3600 * 24, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
];

// Times of the inputs are in the zone that is chosen.
const local = new Map();
function toInput(seconds) {
  if (!(Math.abs(seconds) < 8.64e12)) return ""; // no time of any calendar
  const name = zone() ?? "";
  if (!local.has(name)) {
    local.set(name, new Intl.DateTimeFormat("sv-SE", {
      timeZone: name || undefined, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
    }));
  }
  return local.get(name).format(new Date(seconds * 1000)).replace(" ", "T");
}
function fromInput(text) {
  const wanted = Date.parse(text + "Z") / 1000;
  let at = wanted;
  for (let i = 0; i < 2; i++) at += wanted - Date.parse(toInput(at) + "Z") / 1000;
  return at;
}

// query is an address of the API with the range that is chosen.
export function query(address, more) {
  const url = new URL(address, location.href);
  const range = chosen("range");
  if (range === "custom") {
    if (chosen("from")) url.searchParams.set("from", chosen("from"));
    if (chosen("to")) url.searchParams.set("to", chosen("to"));
  } else if (spans[range]) {
    // A season that has ended ends with its newest row.
    const asOf = document.querySelector("#asof time");
    const newest = asOf ? Date.parse(asOf.dateTime) / 1000 : Date.now() / 1000;
    url.searchParams.set("from", String(Math.floor(newest - spans[range])));
  }
  for (const [name, value] of Object.entries(more)) url.searchParams.set(name, value);
  return url;
}

// read reads JSON. An error is final where asking again does not help.
export async function read(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-cache" });
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.detail ?? body.title), { final: answer.status < 500 });
  return body;
}

// uPlot asks Intl for a format of numbers and for the local zone as it loads, which no chart
// here needs: a browser's first use of Intl takes a tenth of the time until curves are there.
async function library() {
  const { DateTimeFormat, NumberFormat } = Intl;
  Intl.DateTimeFormat = Intl.NumberFormat = class { resolvedOptions = () => ({}); };
  try {
    await script("lib/uPlot.iife.min.js");
  } finally {
    Object.assign(Intl, { DateTimeFormat, NumberFormat });
  }
}
let loading;
export const loaded = () => (loading ??= library().catch((error) => {
  loading = undefined;
  throw error;
}));

// Dollars as the pages have them.
export const usd = (v, decimals = 2) => (v < 0 ? "−$" : "$") + Math.abs(v).toFixed(decimals).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ",");

// Canvases know no style sheets: the colors are those that elements have.
export const colorOf = (element) => getComputedStyle(element).backgroundColor;
export const named = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
// What a drawing depends on beside its data: another one of it needs another drawing.
export const look = () => [zone(), named("line")].join();

// basics are the options that every chart has; select is told of a range that was drawn.
export function basics(box, write, select) {
  const line = named("line");
  const axis = { stroke: named("quiet"), grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    tzDate: zone() ? (at) => uPlot.tzDate(new Date(at * 1000), zone()) : undefined,
    axes: [{ ...axis, values: clock }, { ...axis, size: 68, values: (_, ticks) => ticks.map((v) => (v == null ? "" : write(v))) }],
    cursor: {
      drag: { x: true, y: false, setScale: false }, focus: { prox: 24 },
      bind: { dblclick: () => () => select({ range: "", from: "", to: "" }) },
    },
    legend: { show: false },
    hooks: {
      setSelect: [(u) => {
        if (u.select.width < 8) return;
        const at = (px) => String(Math.round(u.posToVal(px, "x")));
        select({ range: "custom", from: at(u.select.left), to: at(u.select.left + u.select.width) });
      }],
    },
  };
}

// ranges lets people choose a range of time; span is what is shown, and select is told.
export function ranges(tools, span, select) {
  const custom = tools.querySelector("#custom");
  const fill = (first, last) => {
    custom.elements.from.value = toInput(first);
    custom.elements.to.value = toInput(last);
  };
  const show = () => {
    const range = chosen("range") || "all";
    for (const input of tools.querySelectorAll("[name=range]")) input.checked = input.value === range;
    custom.hidden = range !== "custom";
    // Inputs of times are made of much: a browser makes them where they are seen.
    if (!custom.hidden) for (const name of ["from", "to"]) custom.elements[name].type = "datetime-local";
    if (range === "custom" && chosen("from") && chosen("to")) fill(Number(chosen("from")), Number(chosen("to")));
  };
  tools.addEventListener("change", ({ target }) => {
    if (target.name !== "range") return;
    if (target.value !== "custom") return select({ range: target.value === "all" ? "" : target.value, from: "", to: "" });
    choose({ range: "custom" });
    show();
    if (!chosen("from")) fill(...(span() ?? [Date.now() / 1000 - 86400, Date.now() / 1000]));
  });
  custom.addEventListener("submit", (event) => {
    event.preventDefault();
    const [from, to] = [fromInput(custom.elements.from.value), fromInput(custom.elements.to.value)];
    custom.elements.to.setCustomValidity(to < from ? "The end lies before the begin." : "");
    if (custom.reportValidity()) select({ range: "custom", from: String(from), to: String(to) });
  });
  custom.addEventListener("input", () => custom.elements.to.setCustomValidity(""));
  show();
  return show;
}

// loader calls load whenever it is asked to, the newest call winning, and says in the box
// what it waits for.
export function loader(box, load, failed) {
  let newest = 0;
  let again;
  return async function run() {
    clearTimeout(again);
    const mine = ++newest;
    try {
      const show = await load();
      if (mine === newest) show();
    } catch (error) {
      if (mine !== newest) return;
      failed();
      box.dataset.says = error.final ? error.message : "This cannot be read now. It is tried again.";
      if (!error.final) again = setTimeout(run, 5000);
    }
  };
}

// resized draws the plots anew that the box gives another size.
export function resized(box, plots) {
  new ResizeObserver(() => {
    for (const plot of plots()) {
      const { clientWidth: width, clientHeight: height } = plot?.root.parentElement ?? {};
      if (plot && (plot.width !== width || plot.height !== height)) plot.setSize({ width, height });
    }
  }).observe(box);
}

// before is the newest place of a row at a time or before; null where there is none.
export function before(times, at, row) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1;
    else high = middle;
  }
  let i = low - 1;
  while (i >= 0 && row[i] == null) i--;
  return i < 0 ? null : i;
}
