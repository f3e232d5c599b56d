// How the process is inside, by the API's endpoints below /admin.
import { ask, element, explained, figure, follow, refuse, row, send, table, time } from "./operators.js";

const $ = (selector) => document.querySelector(selector);

const units = ["B", "KiB", "MiB", "GiB", "TiB"];
function bytes(n) {
  const i = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.abs(n) || 1) / 10)));
  return figure(n, `${(n / 1024 ** i).toLocaleString("en", { maximumFractionDigits: i ? 1 : 0 })} ${units[i]}`);
}
function lasting(s) {
  if (s == null) return undefined;
  const [n, unit] = s >= 3600 ? [s / 3600, "h"] : s >= 60 ? [s / 60, "min"] : s >= 1 || s === 0 ? [s, "s"] : [s * 1000, "ms"];
  return figure(s, `${n.toLocaleString("en", { maximumFractionDigits: 2 })} ${unit}`);
}
const share = (v) => (v == null ? undefined : figure(v, `${(100 * v).toFixed(1)}%`));
const figures = (all) => element("dl", { className: "figures" },
  ...Object.entries(all).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value ?? "–"))));
const usable = (s) => (s.usable ? "usable" : element("span", { className: "loss" }, `not usable: ${s.reason}`));
const quiet = (text) => element("p", { className: "quiet" }, text);

// What each part shows of what an endpoint says.
const parts = {
  system: (s) => [
    figures({
      Postgres: usable(s.postgres), Redis: usable(s.redis), Breaker: s.breaker, Version: s.version || "unknown", Started: time(s.started_at),
      Memory: bytes(s.memory_bytes), "In flight": figure(s.requests_in_flight), Streams: figure(s.streams), "Slow consumers": figure(s.slow_consumers),
    }),
    table("Connections", ["Pool", "In use", "Open", "At most", "Waited", "For"], s.pools.map((p) => row(
      p.name, figure(p.in_use), figure(p.open), figure(p.max), figure(p.waits), lasting(p.wait_seconds)))),
  ],
  outbox: (o) => [
    figures({
      Waiting: figure(o.waiting), Lag: lasting(o.lag_seconds), "Newest sequence": figure(o.newest_sequence),
      "Oldest kept": figure(o.oldest_sequence), Failures: figure(o.failures),
    }),
    Object.keys(o.relayed).length ? table("Events relayed", ["Type", "Relayed"], Object.keys(o.relayed).sort().map((type) => row(type, figure(o.relayed[type]))))
      : quiet("This process has relayed nothing yet."),
  ],
  cache: (c) => [c.families.length ? table("Hits", ["Family", "Hit ratio", "In memory", "In Redis", "Misses", "Loads", "Failed loads", "Redis errors"], c.families.map((f) => row(
    f.family, share(f.hit_ratio), figure(f.local), figure(f.redis), figure(f.misses), figure(f.loads), figure(f.load_errors), figure(f.redis_errors),
  ))) : quiet("Nothing was read yet.")],
  jobs: (j) => [table("Jobs", ["Job", "Last success", "Took", "Next, at the latest", "Every", "Failures"], j.jobs.map((one) => row(
    one.name, time(one.last_success), lasting(one.took_seconds), time(one.next), lasting(one.interval_seconds), figure(one.failures),
  )))],
  statements: (s) => [s.statements.length ? table("Statements", ["Name", "In all", "Calls", "Mean", "Half within", "99% within", "Errors"], s.statements.slice(0, 25).map((one) => row(
    one.name, lasting(one.total_seconds), figure(one.calls), lasting(one.mean_seconds), lasting(one.median_seconds), lasting(one.p99_seconds), figure(one.errors),
  ))) : quiet("Nothing was asked yet.")],
  tables: (t) => [
    table("Tables", ["Table", "Size", "Grown since", "Rows, about", "Partitions", "Ahead"], t.tables.map((one) => row(
      one.name, bytes(one.bytes), bytes(one.grown_bytes), figure(one.rows), one.partitions ? figure(one.partitions) : undefined, one.partitions ? figure(one.partitions_ahead) : undefined,
    ))),
    element("p", { className: "quiet" }, "Growth is since ", time(t.since), "."),
    ...(t.archives.length ? [table("Archives", ["Archive", "Size", "Written"], t.archives.map((a) => row(a.name, bytes(a.bytes), time(a.at))))] : [quiet("No partition was archived.")]),
    ...(t.disks.length ? [table("Disks", ["Directory", "Free", "Of"], t.disks.map((d) => row(d.directory, bytes(d.free_bytes), bytes(d.bytes))))] : []),
  ],
  migrations: (m) => [
    figures({
      Version: m.version || "none", Applied: figure(m.applied.length), Pending: m.pending.length ? m.pending.join(", ") : "none",
      ...(m.unknown.length ? { "Unknown to this binary": m.unknown.join(", ") } : {}), ...(m.half_applied ? { "Stopped half-way": m.half_applied } : {}),
    }),
    table("Migrations", ["Version", "Name", "Applied", "By"], m.applied.toReversed().map((a) => row(a.version, a.name, time(a.at), a.by))),
  ],
  configuration: (c) => [table("Settings", ["Setting", "Value", "From", "Variable"], c.settings.map((s) => row(s.key, element("code", {}, s.value), s.origin, element("code", {}, s.env))))],
};

async function load() {
  const names = [...Object.keys(parts), "log-level"];
  const said = await Promise.allSettled(names.map((name) => ask(`admin/${name}`)));
  // Whoever may not be here, or reaches nobody, learns it once.
  const refused = said.find((s) => s.reason && (!s.reason.status || s.reason.status < 500));
  if (refused) throw refused.reason;
  names.forEach((name, i) => {
    const { value, reason } = said[i];
    if (name === "log-level") {
      if (value && document.activeElement !== $("#level")) $("#level").value = value.level;
      return;
    }
    $(`#${name} [data-drawn]`).replaceChildren(...(reason ? [Object.assign(element("p", {}, explained(reason)), { role: "alert" })] : parts[name](value)));
  });
}

$("#level").addEventListener("change", async () => {
  try {
    await send("admin/log-level", "PUT", { level: $("#level").value });
  } catch (error) {
    refuse(error);
  }
});
follow(load);
