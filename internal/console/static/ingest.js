// What became of writes, by /admin/ingest.
import { basics, loaded, look, named, resized } from "./chart.js";
import { choose, chosen } from "./console.js";
import { ask, element, figure, follow, row, time } from "./operators.js";

const $ = (selector) => document.querySelector(selector);
const box = $("#minutes");
const kinds = $("#kind");
const outcomes = ["accepted", "unchanged", "rejected"];
let plot, drawn, minutes;

async function load() {
  const [said] = await Promise.all([ask("admin/ingest"), loaded()]);
  $("#kinds").replaceChildren(...said.kinds.map((k) => row(k.kind, ...outcomes.map((o) => figure(k[o])))));
  $("#rejected").replaceChildren(...said.rejected.map((r) => row(
    time(r.at), r.kind, element("code", {}, r.id), r.why, element("p", { className: "reason" }, r.detail),
  )));
  for (const none of document.querySelectorAll("[data-none]")) none.hidden = said[none.dataset.none].length > 0;
  const names = new Set(said.kinds.map((k) => k.kind).concat(chosen("kind") || []));
  kinds.replaceChildren(new Option("all", ""), ...[...names].map((name) => new Option(name)));
  kinds.value = chosen("kind");
  minutes = said.minutes;
  // The chart needs the width that it gets once the token was taken.
  requestAnimationFrame(draw);
}

// The last hour of all kinds, or of the one that is chosen.
function draw() {
  if (!box.clientWidth) return;
  const now = Math.floor(Date.now() / 60000) * 60;
  const times = Array.from({ length: 60 }, (_, i) => now - 60 * (59 - i));
  const kind = chosen("kind");
  const data = [times, ...outcomes.map((o) => times.map((at) => minutes.reduce((sum, m) => sum + (m.at === at && (!kind || m.kind === kind) ? m[o] : 0), 0)))];
  $("#minutes-says").textContent = outcomes.map((o, i) => `${data[1 + i].reduce((sum, n) => sum + n, 0)} ${o}`).join(", ") + " in this hour.";
  if (plot && drawn === look()) return plot.setData(data);
  plot?.destroy();
  drawn = look();
  const options = basics(box, (v) => v.toLocaleString("en"), () => {});
  options.series = [{}, ...["gain", "quiet", "loss"].map((color, i) => ({ label: outcomes[i], stroke: named(color), width: 2, points: { show: false } }))];
  options.scales = { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } };
  options.cursor.drag = { x: false, y: false };
  plot = new uPlot(options, data, box);
}

resized(box, () => [plot]);
kinds.addEventListener("change", () => {
  choose({ kind: kinds.value });
  draw();
});
follow(load);
