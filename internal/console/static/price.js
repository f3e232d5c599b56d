// The price of a symbol as candles, and where models entered and left.
import { choose, live, written } from "./console.js";
import { basics, colorOf, loaded, loader, look, named, query, ranges, read, resized } from "./chart.js";

// How long candles may be, in seconds, and what they are called.
const widths = [[60, "1m", "a minute"], [900, "15m", "15 minutes"], [3600, "1h", "an hour"], [86400, "1d", "a day"]];
const most = 300; // candles beside each other, where there is a choice

const usd = (v) => "$" + v.toLocaleString("en", { maximumSignificantDigits: 15 });

function priceChart(box) {
  const card = box.closest(".card");
  const colors = new Map([...card.querySelectorAll(".legend [data-model]")].map((e) => [e.dataset.model, e.querySelector("i")]));
  const told = card.querySelector("#price-at");
  const empty = told.textContent;
  let data, trades, plot, drawn, width;

  // The shortest candles of which not too many show the range.
  async function candles() {
    const range = query(box.dataset.src, {}).searchParams;
    let [from, to] = [Number(range.get("from")), Number(range.get("to")) || Date.now() / 1000];
    if (!from) {
      const { points } = await read(query(box.dataset.src, { points: "2" }));
      if (points.length > 0) [from, to] = [points[0].timestamp, points.at(-1).timestamp];
    }
    const chosen = widths.find(([seconds]) => (to - from) / seconds <= most) ?? widths.at(-1);
    const history = await read(query(box.dataset.src, { resolution: chosen[1], points: "5000" }));
    return [chosen, history.candles];
  }

  const load = loader(box, async () => {
    if (!plot) box.dataset.says = "Loading…";
    const [[chosen, history], closed] = await Promise.all([
      candles(),
      read(query(box.dataset.trades, { limit: "1000" })),
      loaded(),
    ]);
    return () => {
      width = chosen[0];
      card.querySelector("#width").textContent = chosen[2];
      data = ["timestamp", "open", "high", "low", "close"].map((name) => history.map((c) => c[name]));
      trades = closed.trades;
      draw();
    };
  }, clear);

  function clear() {
    plot?.destroy();
    plot = undefined;
  }

  function draw() {
    if (data[0].length === 0) {
      clear();
      box.dataset.says = "No prices in this range.";
      return;
    }
    delete box.dataset.says;
    if (plot && drawn === look()) return plot.setData(data);
    clear();
    drawn = look();
    const options = basics(box, usd, select);
    options.series = [{}, ...Array(4).fill({ paths: () => null, points: { show: false } })];
    options.scales = { x: { range: () => span() }, y: { range: (_, low, high) => prices(low, high) } };
    options.hooks.draw = [sticks, marks];
    options.hooks.setCursor = [(u) => {
      const i = u.cursor.idx;
      told.textContent = i == null ? empty : `${written(new Date(data[0][i] * 1000))}: ` +
        ["open", "high", "low", "close"].map((name, row) => `${name} ${usd(data[row + 1][i])}`).join(", ");
    }];
    plot = new uPlot(options, data, box);
  }

  // Trades reach beyond the prices that are kept.
  function span() {
    const times = trades.flatMap((t) => [t.entry_time, t.exit_time]).concat([data[0][0], data[0].at(-1) + width]);
    const from = Number(query(box.dataset.src, {}).searchParams.get("from") ?? 0);
    return [Math.max(from, Math.min(...times)), Math.max(...times)];
  }
  function prices(low, high) {
    const all = trades.flatMap((t) => [t.entry_price, t.exit_price]).concat([low, high]);
    return uPlot.rangeNum(Math.min(...all), Math.max(...all), 0.05, true);
  }

  function sticks(u) {
    const [gain, loss] = [named("gain"), named("loss")];
    const [times, open, high, low, close] = data;
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    u.ctx.clip();
    u.ctx.lineWidth = devicePixelRatio;
    for (let i = 0; i < times.length; i++) {
      const [left, right] = [u.valToPos(times[i], "x", true), u.valToPos(times[i] + width, "x", true)];
      const [opened, top, bottom, closed] = [open, high, low, close].map((row) => u.valToPos(row[i], "y", true));
      const half = Math.max((right - left) * 0.35, 0.5);
      const middle = (left + right) / 2;
      const [upper, lower] = [Math.min(opened, closed), Math.max(opened, closed, Math.min(opened, closed) + devicePixelRatio)];
      u.ctx.strokeStyle = u.ctx.fillStyle = close[i] < open[i] ? loss : gain;
      u.ctx.beginPath();
      u.ctx.moveTo(middle, top);
      u.ctx.lineTo(middle, upper);
      u.ctx.moveTo(middle, lower);
      u.ctx.lineTo(middle, bottom);
      u.ctx.rect(middle - half, upper, 2 * half, lower - upper);
      if (close[i] < open[i]) u.ctx.fill();
      u.ctx.stroke();
    }
    u.ctx.restore();
  }

  function marks(u) {
    const size = 5 * devicePixelRatio;
    u.ctx.save();
    u.ctx.lineWidth = 2 * devicePixelRatio;
    const at = (time, price, color, path) => {
      if (time < u.scales.x.min || time > u.scales.x.max) return;
      u.ctx.fillStyle = u.ctx.strokeStyle = color;
      u.ctx.beginPath();
      path(u.valToPos(time, "x", true), u.valToPos(price, "y", true));
    };
    for (const trade of trades) {
      const swatch = colors.get(trade.model_id);
      const color = swatch ? colorOf(swatch) : named("quiet");
      const up = trade.side === "short" ? -1 : 1;
      at(trade.entry_time, trade.entry_price, color, (x, y) => {
        u.ctx.moveTo(x, y - up * size);
        u.ctx.lineTo(x - size, y + up * size);
        u.ctx.lineTo(x + size, y + up * size);
        u.ctx.fill();
      });
      at(trade.exit_time, trade.exit_price, color, (x, y) => {
        u.ctx.arc(x, y, size, 0, 2 * Math.PI);
        u.ctx.stroke();
      });
    }
    u.ctx.restore();
  }

  function select(selection) {
    choose(selection);
    showRange();
    load();
  }

  function add(type, _, event) {
    if (type === "trade" && event.symbol === box.dataset.symbol) return load();
    const newest = type === "prices" && event.prices.find((p) => p.symbol === box.dataset.symbol);
    if (!newest || !plot) return;
    const from = Math.floor(newest.timestamp / 1000 / width) * width;
    if (from < data[0].at(-1)) return;
    if (from > data[0].at(-1)) data.forEach((row, i) => row.push(i ? newest.price : from));
    const last = data[0].length - 1;
    data[2][last] = Math.max(data[2][last], newest.price);
    data[3][last] = Math.min(data[3][last], newest.price);
    data[4][last] = newest.price;
    draw();
  }

  document.addEventListener("redraw", () => data && draw());
  resized(box, () => [plot]);
  const showRange = ranges(card.querySelector(".tools"), () => data?.[0].length && [data[0][0], data[0].at(-1) + width], select);
  return { load, add, first: load() };
}

live(priceChart(document.querySelector("#price")));
