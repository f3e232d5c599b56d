// The curves of the models: read from the API, drawn by uPlot, continued by the stream.
import { choose, chosen, written, zone } from "./console.js";

const spans = { "7d": 7 * 86400, "72h": 72 * 3600, "24h": 24 * 3600 };
const usd = new Intl.NumberFormat("en", { style: "currency", currency: "USD" });
const short = new Intl.NumberFormat("en", { style: "currency", currency: "USD", notation: "compact", maximumFractionDigits: 2 });
const percent = (v) => (v > 0 ? "+" : v < 0 ? "−" : "") + Math.abs(v).toFixed(2) + "%";

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

export function equityChart(box) {
  const legend = box.parentElement.querySelector(".legend");
  const tools = box.parentElement.querySelector(".tools");
  const custom = tools.querySelector("#custom");
  const buttons = [...legend.querySelectorAll("button")];
  const models = buttons.map((button) => button.dataset.model);
  const when = legend.appendChild(document.createElement("li"));
  when.className = "quiet";
  let curves = new Map(); // model to [[time…], [equity…]]
  let trades = [];
  let plot, data, drawn;

  const alone = () => (models.length === 1 ? models[0] : models.includes(chosen("model")) ? chosen("model") : "");
  const unit = () => (chosen("unit") === "pct" ? "pct" : "usd");
  const write = (v) => (v == null ? "" : unit() === "pct" ? percent(v) : usd.format(v));

  function show() {
    const range = chosen("range") || "all";
    for (const input of tools.querySelectorAll("input[type=radio]")) {
      if (input.name === "range") input.checked = input.value === range;
      if (input.name === "unit") input.checked = input.value === unit();
    }
    const log = tools.querySelector("[name=scale]");
    log.checked = chosen("scale") === "log" && unit() === "usd";
    log.disabled = unit() === "pct"; // a change may be negative
    custom.hidden = range !== "custom";
    for (const button of buttons) button.setAttribute("aria-pressed", String(models.length > 1 && button.dataset.model === alone()));
  }

  function query(address, more) {
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

  async function read(url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-cache" });
    const body = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(body.detail ?? body.title), { final: answer.status < 500 });
    return body;
  }

  let loading = 0;
  let again;
  async function load() {
    clearTimeout(again);
    const mine = ++loading;
    if (!plot) box.dataset.says = "Loading…";
    try {
      const [equity, closed] = await Promise.all([
        read(query(box.dataset.src, { points: "500" })),
        alone() ? read(query(box.dataset.trades, { model_id: alone(), limit: "1000" })) : { trades: [] },
      ]);
      if (mine !== loading) return;
      curves = new Map(equity.equity.filter((c) => models.includes(c.model_id)).map((c) => [
        c.model_id, [c.points.map((p) => p.timestamp), c.points.map((p) => p.dollar_equity)],
      ]));
      trades = closed.trades;
      draw();
    } catch (error) {
      if (mine !== loading) return;
      plot?.destroy();
      plot = undefined;
      box.dataset.says = error.final ? error.message : "The curves cannot be read now. They are tried again.";
      if (!error.final) again = setTimeout(load, 5000);
    }
  }

  // Curves have times of their own: one axis of all of them, with gaps.
  function align() {
    const times = [...new Set([...curves.values()].flatMap(([t]) => t))].sort((a, b) => a - b);
    const place = new Map(times.map((t, i) => [t, i]));
    const rows = models.map((model) => {
      const row = new Array(times.length).fill(null);
      const [t, v] = curves.get(model) ?? [[], []];
      t.forEach((at, i) => (row[place.get(at)] = unit() === "pct" ? (v[i] / v[0] - 1) * 100 : v[i]));
      return row;
    });
    return [times, ...rows];
  }

  // Below its peak a curve is shaded.
  function peaks(row) {
    let peak = null;
    return row.map((v) => (v == null ? null : (peak = Math.max(peak ?? v, v))));
  }

  const colorOf = (element, property = "color") => getComputedStyle(element)[property];
  function named(name) {
    const probe = document.createElement("span");
    probe.className = name;
    box.append(probe);
    const color = colorOf(probe);
    probe.remove();
    return color;
  }

  function draw() {
    show();
    data = align();
    const only = alone();
    if (data[0].length === 0) {
      plot?.destroy();
      plot = undefined;
      box.dataset.says = "Nothing in this range.";
      return;
    }
    delete box.dataset.says;
    if (only) data.push(peaks(data[1 + models.indexOf(only)]));
    const how = [only, unit(), chosen("scale"), zone(), document.documentElement.dataset.theme, colorOf(document.body)].join();
    if (plot && drawn === how) plot.setData(data);
    else make(how, only);
    values(null);
  }

  function make(how, only) {
    plot?.destroy();
    drawn = how;
    const text = named("quiet");
    const line = colorOf(box.closest(".card"), "borderTopColor");
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
    const series = models.map((model, i) => ({
      label: model,
      stroke: colorOf(buttons[i].querySelector("i"), "backgroundColor"),
      width: 2,
      dash: buttons[i].classList.contains("benchmark") ? [6, 4] : undefined,
      spanGaps: true,
      show: !only || only === model,
      points: { show: false },
    }));
    const bands = [];
    if (only) {
      series.push({ label: "peak", stroke: "transparent", spanGaps: true, points: { show: false } });
      const fill = named("loss").replace("rgb(", "rgba(").replace(")", ", 0.15)");
      bands.push({ series: [1 + models.length, 1 + models.indexOf(only)], fill });
    }
    plot = new uPlot({
      width: box.clientWidth,
      height: box.clientHeight,
      tzDate: zone() ? (at) => uPlot.tzDate(new Date(at * 1000), zone()) : undefined,
      series: [{}, ...series],
      bands,
      axes: [
        { ...axis, values: clock },
        { ...axis, size: 68, values: (_, ticks) => ticks.map((v) => (v == null ? "" : unit() === "pct" ? percent(v) : short.format(v))) },
      ],
      scales: { y: { distr: chosen("scale") === "log" && unit() === "usd" ? 3 : 1 } },
      cursor: { drag: { x: true, y: false, setScale: false }, focus: { prox: 24 }, bind: { dblclick: () => () => select({ range: "", from: "", to: "" }) } },
      focus: { alpha: 0.3 },
      legend: { show: false },
      hooks: {
        setCursor: [(u) => values(u.cursor.idx)],
        setSelect: [(u) => {
          if (u.select.width < 8) return;
          const at = (px) => String(Math.round(u.posToVal(px, "x")));
          select({ range: "custom", from: at(u.select.left), to: at(u.select.left + u.select.width) });
        }],
        draw: [(u) => only && marks(u, only)],
      },
    }, data, box);
  }

  // Where a trade was closed, by whether it won.
  function marks(u, model) {
    const row = data[1 + models.indexOf(model)];
    const colors = { won: named("gain"), lost: named("loss") };
    const size = 5 * devicePixelRatio;
    u.ctx.save();
    for (const trade of trades) {
      const i = before(data[0], trade.exit_time, row);
      if (i == null || trade.exit_time > u.scales.x.max || trade.exit_time < u.scales.x.min) continue;
      const up = trade.realized_net_pnl > 0 ? -1 : 1;
      const x = u.valToPos(trade.exit_time, "x", true);
      const y = u.valToPos(row[i], "y", true) + up * size * 1.6;
      u.ctx.fillStyle = up < 0 ? colors.won : colors.lost;
      u.ctx.beginPath();
      u.ctx.moveTo(x, y + up * size);
      u.ctx.lineTo(x - size, y - up * size);
      u.ctx.lineTo(x + size, y - up * size);
      u.ctx.fill();
    }
    u.ctx.restore();
  }

  // The newest place of a row at a time or before.
  function before(times, at, row) {
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

  function values(idx) {
    const at = idx == null ? data[0].length - 1 : idx;
    buttons.forEach((button, i) => {
      const row = data[1 + i];
      const there = before(data[0], data[0][at], row);
      button.querySelector("b").textContent = there == null ? "" : write(row[there]);
    });
    when.textContent = idx == null ? "" : written(new Date(data[0][at] * 1000));
  }

  function select(selection) {
    choose(selection);
    show();
    load();
  }

  buttons.forEach((button) => button.addEventListener("click", () => {
    if (models.length > 1) select({ model: alone() === button.dataset.model ? "" : button.dataset.model });
  }));
  tools.addEventListener("change", ({ target }) => {
    if (target.name === "unit") choose({ unit: target.value === "pct" ? "pct" : "" });
    if (target.name === "scale") choose({ scale: target.checked ? "log" : "" });
    if (target.name === "range" && target.value !== "custom") return select({ range: target.value === "all" ? "" : target.value, from: "", to: "" });
    if (target.name === "range") {
      choose({ range: "custom" });
      const [first, last] = data?.[0].length ? [data[0][0], data[0].at(-1)] : [Date.now() / 1000 - 86400, Date.now() / 1000];
      custom.elements.from.value = toInput(Number(chosen("from")) || first);
      custom.elements.to.value = toInput(Number(chosen("to")) || last);
    }
    if (data) draw();
    else show();
  });
  custom.addEventListener("submit", (event) => {
    event.preventDefault();
    const [from, to] = [fromInput(custom.elements.from.value), fromInput(custom.elements.to.value)];
    custom.elements.to.setCustomValidity(to < from ? "The end lies before the begin." : "");
    if (custom.reportValidity()) select({ range: "custom", from: String(from), to: String(to) });
  });
  custom.addEventListener("input", () => custom.elements.to.setCustomValidity(""));
  // With the keyboard: to the point before, and to the next.
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !plot) return;
    event.preventDefault();
    const last = data[0].length - 1;
    const i = Math.min(Math.max((plot.cursor.idx ?? last + (step < 0 ? 1 : 0)) + step, 0), last);
    plot.setCursor({ left: plot.valToPos(data[0][i], "x"), top: plot.over.clientHeight / 2 });
  });
  document.addEventListener("redraw", () => data && draw());
  new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);

  // What the stream brings goes behind what is drawn, with the next frame.
  let waiting = false;
  function add(competition, row) {
    const curve = curves.get(row.model_id);
    if (competition !== box.dataset.competition || !curve || chosen("range") === "custom") return;
    const [times, equities] = curve;
    if (row.timestamp < times.at(-1)) return;
    if (row.timestamp === times.at(-1)) {
      times.pop();
      equities.pop();
    }
    times.push(row.timestamp);
    equities.push(row.dollar_equity);
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  }

  show();
  if (chosen("range") === "custom") {
    if (chosen("from")) custom.elements.from.value = toInput(Number(chosen("from")));
    if (chosen("to")) custom.elements.to.value = toInput(Number(chosen("to")));
  }
  load();
  return { load, add };
}
