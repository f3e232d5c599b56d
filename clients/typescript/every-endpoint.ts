// Uses every endpoint of the API once. The table is complete, or it does not compile.
import createClient from "openapi-fetch";
import type { components, operations, paths } from "./api";

const host = "http://127.0.0.1:8888";
const arena = createClient<paths>({ baseUrl: host });
const bearer = (token: string) => createClient<paths>({ baseUrl: host, headers: { Authorization: `Bearer ${token}` } });
const writer = bearer("the token of the write surface");
const operator = bearer("the token of the admin surface");

type Trade = components["schemas"]["Trade"];
type Event = components["schemas"]["Event"];

const trade: Trade = {
  id: "gpt-5_1", model_id: "gpt-5", symbol: "BTC", side: "long", quantity: 0.1, realized_net_pnl: 40,
  entry_time: 1761452331.5, entry_price: 111352, exit_time: 1761455931.25, exit_price: 111760,
};
const params = { path: { model: "gpt-5", decision: "gpt-5_1761452331.532" } };

export const calls: Record<keyof operations, () => unknown> = {
  listCryptoPrices: () => arena.GET("/api/crypto-prices"),
  listAccountTotals: () => arena.GET("/api/account-totals", { params: { query: { lastHourlyMarker: 190 } } }),
  listTrades: () => arena.GET("/api/trades"),
  listSinceInceptionValues: () => arena.GET("/api/since-inception-values"),
  listLeaderboard: async () => {
    const { data, error } = await arena.GET("/api/leaderboard");
    // A competitor without any equity row has no equity: the compiler asks for it.
    return data?.leaderboard.map((row) => `${row.id} ${row.equity?.toFixed(2) ?? "–"}`) ?? error?.title;
  },
  listAnalytics: () => arena.GET("/api/analytics"),
  getAnalytics: () => arena.GET("/api/analytics/{model}", { params }),
  listModels: () => arena.GET("/api/models"),
  getModel: async () => {
    const { data } = await arena.GET("/api/models/{model}", { params });
    return data?.account?.since_inception?.nav_since_inception;
  },
  getSymbol: () => arena.GET("/api/symbols/{symbol}", { params: { path: { symbol: "BTC" } } }),
  listSymbols: () => arena.GET("/api/symbols"),
  listPositionsOf: () => arena.GET("/api/positions/{model}", { params: { path: { model: "gpt-5" }, query: { status: "open" } } }),
  listPositions: () => arena.GET("/api/positions", { params: { query: { limit: 3 } } }),
  // Every page to the last; a cursor goes with the other parameters of its page.
  listConversations: async () => {
    const documents = [];
    let cursor: string | undefined;
    do {
      const { data } = await arena.GET("/api/conversations", { params: { query: { model_id: "gpt-5", limit: 1000, cursor } } });
      documents.push(...(data?.conversations ?? []));
      cursor = data?.next_cursor;
    } while (cursor !== undefined);
    return documents;
  },
  listEquity: () => arena.GET("/api/equity", { params: { query: { model_id: "gpt-5", from: 1761452331.5, points: 200 } } }),
  getPriceHistory: () => arena.GET("/api/prices/{symbol}", { params: { path: { symbol: "BTC" }, query: { points: 200, resolution: "1h" } } }),
  listCompetitions: () => arena.GET("/api/competitions"),
  listDecisions: () => arena.GET("/api/decisions/{model}", { params: { ...params, query: { limit: 10 } } }),
  searchDecisions: () => arena.GET("/api/search", { params: { query: { q: '"break out"', limit: 5 } } }),
  getDecision: async () => {
    const { data } = await arena.GET("/api/decisions/{model}/{decision}", { params });
    return data?.trades.map((one) => one.opened_by?.link);
  },
  getDecisionDiff: () => arena.GET("/api/decisions/{model}/{decision}/diff", { params }),

  streamEvents: () => {
    const stream = new EventSource(`${host}/api/stream?types=trade,position`);
    stream.addEventListener("trade", (message) => {
      const event = JSON.parse(message.data) as Event;
      console.log(event.model_id, event.type);
    });
    return stream;
  },

  ingestTrades: () => writer.POST("/api/ingest/trades", {
    params: { query: { register: true }, header: { "Idempotency-Key": "gpt-5_1" } }, body: { trade, remaining: null },
  }),
  ingestPrices: () => writer.POST("/api/ingest/prices", { body: { items: [{ symbol: "BTC", price: 111352.5, timestamp: 1761452335000 }] } }),
  ingestPositions: () => writer.POST("/api/ingest/positions", {
    body: { model_id: "gpt-5", position: { symbol: "BTC", entry_price: 111352, quantity: -0.5 } },
  }),
  ingestEquity: () => writer.POST("/api/ingest/equity", {
    body: { model_id: "gpt-5", timestamp: 1761452335, dollar_equity: 9999.5, since_inception_hourly_marker: 7 },
  }),
  ingestConversations: () => writer.POST("/api/ingest/conversations", {
    body: { model_id: "gpt-5", messages: [{ role: "user", content: "What now?", timestamp: 1761452335 }] },
  }),
  ingestDecisions: () => writer.POST("/api/ingest/decisions", { body: { id: "gpt-5_1.5", model_id: "gpt-5", timestamp: 1.5 } }),
  ingestAnalytics: () => writer.POST("/api/ingest/analytics", { body: { model_id: "gpt-5", updated_at: 1761452335 } }),
  ingestTraderState: () => writer.POST("/api/ingest/trader-state", { body: { trader_id: "gpt-5" } }),
  ingestMarketAssets: () => writer.POST("/api/ingest/market-assets", { body: { symbol: "BTC", max_leverage: 40 } }),
  ingestCompetitions: () => writer.POST("/api/ingest/competitions", { body: { id: "season-1", status: "ended", ends_at: 1762207200 } }),
  ingestModels: () => writer.POST("/api/ingest/models", { body: { id: "gpt-5" } }),
  ingestSymbols: () => writer.POST("/api/ingest/symbols", { body: { symbol: "BTC" } }),

  listDomains: () => operator.GET("/admin/rollout"),
  setDomain: () => operator.PUT("/admin/rollout/{domain}", { params: { path: { domain: "trades" } }, body: { read: "store", reason: "equal for a week" } }),
  listParityRuns: () => operator.GET("/admin/parity", { params: { query: { domain: "trades", limit: 1 } } }),
  runParity: () => operator.POST("/admin/parity"),
  listCorrections: () => operator.GET("/admin/corrections"),
  correctFact: () => operator.POST("/admin/corrections", {
    body: { kind: "trade", model_id: "gpt-5", fact_id: "gpt-5_1", action: "void", reason: "the venue reversed it" },
   }),
  getSystem: () => operator.GET("/admin/system"),
  getCache: () => operator.GET("/admin/cache"),
  getOutbox: () => operator.GET("/admin/outbox"),
  getJobs: () => operator.GET("/admin/jobs"),
  getMigrations: () => operator.GET("/admin/migrations"),
  getTables: () => operator.GET("/admin/tables"),
  getStatements: () => operator.GET("/admin/statements"),
  getConfiguration: () => operator.GET("/admin/configuration"),
  getIngest: () => operator.GET("/admin/ingest"),
  getLogLevel: () => operator.GET("/admin/log-level"),
  setLogLevel: () => operator.PUT("/admin/log-level", { body: { level: "debug" } }),

  getHome: () => arena.GET("/", { headers: { Accept: "application/json" } }),
  getDocs: () => arena.GET("/docs", { parseAs: "text" }),
  getOpenAPI: () => arena.GET("/openapi.json"),
  getHealth: () => arena.GET("/healthz"),
  getReadiness: () => arena.GET("/readyz"),
  getMetrics: () => arena.GET("/metrics", { parseAs: "text" }),
};
