// What became of writes, by /admin/ingest.
import { basics, named, look } from "./chart.js";
import { ask, element, figure, follow, row, time } from "./operators.js";

const $ = (selector) => document.querySelector(selector);
const box = $("#minutes");
const outcomes = ["accepted", "unchanged", "rejected"];
let plot, drawn;

async function load() {
  const said = await ask("admin/ingest");
  $("#kinds").replaceChildren(...said.kinds.map((k) => row(k.kind, ...outcomes.map((o) => figure(k[o])))));
  $("#rejected").replaceChildren(...said.rejected.map((r) => row(
    time(r.at), r.kind, element("code", {}, r.id), r.why, element("p", { className: "reason" }, r.detail),
  )));
  for (const none of document.querySelectorAll("[data-none]")) none.hidden = said[none.dataset.none].length > 0;
  // The chart needs the width that it gets once the token was taken.
  requestAnimationFrame(() => draw(said.minutes));
}

function draw(minutes) {
  if (!box.clientWidth) return;
  const now = Math.floor(Date.now() / 60000) * 60;
  const times = Array.from({ length: 60 }, (_, i) => now - 60 * (59 - i));
  const data = [times, ...outcomes.map((o) => times.map((at) => minutes.reduce((sum, m) => sum + (m.at === at ? m[o] : 0), 0)))];
  if (plot && drawn === look()) return plot.setData(data);
  plot?.destroy();
  drawn = look();
  const options = basics(box, (v) => v.toLocaleString("en"), () => {});
  options.series = [{}, ...["gain", "quiet", "loss"].map((color, i) => ({ label: outcomes[i], stroke: named(color), width: 2, points: { show: false } }))];
  options.scales = { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } };
  options.cursor.drag = { x: false, y: false };
  plot = new uPlot(options, data, box);
}

new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
follow(load);
