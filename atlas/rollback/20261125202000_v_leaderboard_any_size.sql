-- Undoes 20261125202000_v_leaderboard_any_size.sql.

CREATE OR REPLACE VIEW "v_leaderboard" AS
SELECT
  "m"."id" AS "model_id",
  "m"."display_name",
  "s"."observed_at",
  "s"."dollar_equity" AS "equity",
  ("s"."dollar_equity" / NULLIF("a"."inception_nav", 0) - 1) * 100 AS "return_pct",
  COALESCE("t"."num_trades", 0) AS "num_trades",
  COALESCE("t"."winners_count", 0) AS "num_wins",
  COALESCE("t"."losers_count", 0) AS "num_losses",
  COALESCE("t"."winners_net_sum", 0)::double precision AS "win_dollars",
  COALESCE("t"."losers_net_sum", 0)::double precision AS "lose_dollars",
  "s"."sharpe_ratio" AS "sharpe"
FROM "models" AS "m"
LEFT JOIN "accounts" AS "a" ON "a"."model_id" = "m"."id"
LEFT JOIN "model_stats" AS "t" ON "t"."model_id" = "m"."id"
LEFT JOIN LATERAL (
  SELECT "observed_at", "dollar_equity", "sharpe_ratio"
  FROM "account_equity_snapshots"
  WHERE "model_id" = "m"."id"
  ORDER BY "observed_at" DESC
  LIMIT 1
) AS "s" ON true
WHERE "m"."kind" = 'competitor'
ORDER BY "return_pct" DESC NULLS LAST, "m"."id";
