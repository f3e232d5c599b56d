// The curves of the models: read from the API, drawn by uPlot, continued by the stream.
import { choose, chosen, live, written } from "./console.js";
import { basics, before, colorOf, loaded, loader, look, named, query, ranges, read, resized, usd } from "./chart.js";

// A tick of an axis has little room.
const units = [[1e12, "T"], [1e9, "B"], [1e6, "M"]];
function short(v) {
  const [size, unit] = units.find(([least]) => Math.abs(v) >= least) ?? [1, ""];
  if (unit) return usd(v / size, Math.abs(v / size) >= 100 ? 0 : 2) + unit;
  return usd(v, Number.isInteger(v) ? 0 : Math.max(2, 1 - Math.floor(Math.log10(Math.abs(v)))));
}
const percent = (v) => (v > 0 ? "+" : v < 0 ? "−" : "") + Math.abs(v).toFixed(2) + "%";

function equityChart(box) {
  const card = box.closest(".card");
  const legend = card.querySelector(".legend");
  const tools = card.querySelector(".tools");
  const log = tools.querySelector("[name=scale]");
  const below = card.querySelector("#drawdown");
  const buttons = [...legend.querySelectorAll("button")];
  const models = buttons.map((button) => button.dataset.model);
  const when = legend.appendChild(document.createElement("li"));
  when.className = "quiet";
  let curves = new Map(); // model to [[time…], [equity…]]
  let trades = [];
  let plot, low, data, drawn, left;

  const alone = () => (models.length === 1 ? models[0] : models.includes(chosen("model")) ? chosen("model") : "");
  const unit = () => (chosen("unit") === "pct" ? "pct" : "usd");
  const isLog = () => chosen("scale") === "log" && unit() === "usd"; // a change may be negative
  const write = (v) => (v == null ? "" : unit() === "pct" ? percent(v) : usd(v));

  function show() {
    for (const input of tools.querySelectorAll("[name=unit]")) input.checked = input.value === unit();
    log.checked = isLog();
    log.disabled = unit() === "pct";
    for (const button of buttons) if (models.length > 1) button.setAttribute("aria-pressed", String(button.dataset.model === alone()));
  }

  const load = loader(box, async () => {
    if (!box.firstElementChild) box.dataset.says = "Loading…";
    const [equity, closed] = await Promise.all([
      // The extremes are kept, so that many curves need fewer points to look the same.
      read(query(box.dataset.src, alone() ? { points: String(Math.round(box.clientWidth / 2) || 100) } : {})),
      alone() ? read(query(box.dataset.trades, { model_id: alone(), limit: "1000" })) : { trades: [] },
      loaded(),
    ]);
    return () => {
      curves = new Map(equity.equity.filter((c) => models.includes(c.model_id)).map((c) => [
        c.model_id, [c.points.map((p) => p.timestamp), c.points.map((p) => p.dollar_equity)],
      ]));
      trades = closed.trades;
      draw();
    };
  }, clear);

  function clear() {
    box.querySelector(".sketch")?.remove();
    plot?.destroy();
    low?.destroy();
    plot = low = undefined;
  }

  // Curves have times of their own: one axis of all of them, with gaps.
  function align() {
    const times = [...new Set(Float64Array.from([...curves.values()].flatMap(([t]) => t)).sort())];
    const relative = unit() === "pct";
    const zero = isLog();
    left = false;
    const place = new Map(times.map((t, i) => [t, i]));
    const rows = models.map((model) => {
      const row = new Array(times.length).fill(null);
      const [t, v] = curves.get(model) ?? [[], []];
      // A change is one of something, and a logarithm has what is above zero.
      t.forEach((at, i) => {
        if (relative ? v[0] > 0 : !zero || v[i] > 0) row[place.get(at)] = relative ? (v[i] / v[0] - 1) * 100 : v[i];
        else left = true;
      });
      return row;
    });
    return [times, ...rows];
  }

  // Below its peak a curve is shaded.
  function peaks(row) {
    let peak = null;
    return row.map((v) => (v == null ? null : (peak = Math.max(peak ?? v, v))));
  }

  function draw() {
    show();
    data = align();
    const only = alone();
    const rows = only ? [data[1 + models.indexOf(only)]] : data.slice(1);
    if (rows.every((row) => row.every((v) => v == null))) {
      clear();
      box.dataset.says = left ? `Nothing here ${isLog() ? "is above zero, as a log scale" : "began above zero, as a change in percent"} needs it.` : "Nothing in this range.";
      return;
    }
    delete box.dataset.says;
    if (only) data.push(peaks(data[1 + models.indexOf(only)]));
    const how = [only, unit(), isLog(), look()].join();
    if (plot && drawn === how) {
      plot.setData(data);
      low?.setData(fallen());
    } else make(how, only);
    values(null);
  }

  // How far a curve is under its peak, in percent.
  function fallen() {
    const [times, equities] = curves.get(models[0]) ?? [[], []];
    const peak = peaks(equities);
    return [times, equities.map((v, i) => (peak[i] > 0 ? 100 * (v / peak[i] - 1) : null))];
  }

  function make(how, only) {
    clear();
    drawn = how;
    const translucent = named("loss").replace("rgb(", "rgba(").replace(")", ", 0.15)");
    const series = models.map((model, i) => ({
      label: model,
      stroke: colorOf(buttons[i].querySelector("i")),
      width: 2,
      dash: buttons[i].classList.contains("benchmark") ? [6, 4] : undefined,
      spanGaps: true,
      show: !only || only === model,
      points: { show: false },
    }));
    const bands = [];
    if (only) {
      series.push({ label: "peak", stroke: "transparent", spanGaps: true, points: { show: false } });
      bands.push({ series: [1 + models.length, 1 + models.indexOf(only)], fill: translucent });
    }
    const options = basics(box, (v) => (unit() === "pct" ? percent(v) : short(v)), select);
    Object.assign(options, { series: [{}, ...series], bands, scales: { y: { distr: isLog() ? 3 : 1 } }, focus: { alpha: 0.3 } });
    Object.assign(options.hooks, { setCursor: [(u) => values(u.cursor.idx)], draw: [(u) => only && marks(u, only)] });
    if (below) options.cursor.sync = { key: "equity" };
    plot = new uPlot(options, data, box);
    if (!below) return;
    const beneath = basics(below, percent, select);
    Object.assign(beneath, { series: [{}, { stroke: named("loss"), fill: translucent, points: { show: false } }] });
    beneath.cursor.sync = { key: "equity" };
    low = new uPlot(beneath, fallen(), below);
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

  function values(idx) {
    const at = data[0][idx ?? data[0].length - 1];
    buttons.forEach((button, i) => {
      const there = before(data[0], at, data[1 + i]);
      button.querySelector("b").textContent = there == null ? "" : write(data[1 + i][there]);
    });
    when.textContent = idx != null ? written(new Date(at * 1000)) : left ? "What is not above zero is left out." : "";
  }

  function select(selection) {
    choose(selection);
    showRange();
    show();
    load();
  }

  buttons.forEach((button) => button.addEventListener("click", () => {
    select({ model: alone() === button.dataset.model ? "" : button.dataset.model });
  }));
  tools.addEventListener("change", ({ target }) => {
    if (target.name === "unit") choose({ unit: target.value === "pct" ? "pct" : "" });
    if (target.name === "scale") choose({ scale: target.checked ? "log" : "" });
    if (data) draw();
    else show();
  });
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
  resized(box, () => [plot, low]);

  // What the stream brings goes behind what is drawn, with the next frame.
  let waiting = false;
  function add(type, competition, row) {
    if (type === "import" || type === "correction") return load();
    const curve = curves.get(row.model_id);
    if (type !== "equity" || competition !== box.dataset.competition || !curve || chosen("range") === "custom") return;
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

  const showRange = ranges(tools, () => data?.[0].length && [data[0][0], data[0].at(-1)], select);
  show();
  // Where a sketch is shown it is seen first.
  const first = async () => {
    if (box.firstElementChild && !document.hidden) await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return load();
  };
  return { load, add, first: first() };
}

const box = document.querySelector("#equity");
live(box && equityChart(box));
