// The price of a symbol, and where models entered and left.
import { choose } from "./console.js";
import { basics, colorOf, loader, look, named, query, ranges, read } from "./chart.js";

const usd = (v) => "$" + v.toLocaleString("en", { maximumFractionDigits: 8 });

export function priceChart(box) {
  const card = box.closest(".card");
  const colors = new Map([...card.querySelectorAll(".legend [data-model]")].map((e) => [e.dataset.model, e.querySelector("i")]));
  let data, trades, plot, drawn;

  const load = loader(box, async () => {
    if (!plot) box.dataset.says = "Loading…";
    const [history, closed] = await Promise.all([
      read(query(box.dataset.src, { points: "1000" })),
      read(query(box.dataset.trades, { limit: "1000" })),
    ]);
    return () => {
      data = [history.points.map((p) => p.timestamp), history.points.map((p) => p.price)];
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
    options.series = [{}, { stroke: named("quiet"), width: 1.5, points: { show: data[0].length < 3 } }];
    options.scales = { x: { range: () => span() }, y: { range: (_, low, high) => prices(low, high) } };
    options.hooks.draw = [marks];
    plot = new uPlot(options, data, box);
  }

  // Trades reach beyond the prices that are kept.
  function span() {
    const times = trades.flatMap((t) => [t.entry_time, t.exit_time]).concat([data[0][0], data[0].at(-1)]);
    const from = Number(query(box.dataset.src, {}).searchParams.get("from") ?? 0);
    return [Math.max(from, Math.min(...times)), Math.max(...times)];
  }
  function prices(low, high) {
    const all = trades.flatMap((t) => [t.entry_price, t.exit_price]).concat([low, high]);
    return uPlot.rangeNum(Math.min(...all), Math.max(...all), 0.05, true);
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
      const color = swatch ? colorOf(swatch, "backgroundColor") : named("quiet");
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
    if (!newest || !plot || newest.timestamp / 1000 <= data[0].at(-1)) return;
    data[0].push(newest.timestamp / 1000);
    data[1].push(newest.price);
    draw();
  }

  document.addEventListener("redraw", () => data && draw());
  new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
  const showRange = ranges(card.querySelector(".tools"), () => data?.[0].length && [data[0][0], data[0].at(-1)], select);
  load();
  return { load, add };
}
