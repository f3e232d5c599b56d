-- Undoes 20261126044500_v_leaderboard_without_inception.sql.

CREATE OR REPLACE VIEW "v_leaderboard" AS
SELECT
  "m"."id" AS "model_id",
  "m"."display_name",
  "s"."observed_at",
  "s"."dollar_equity" AS "equity",
  CASE
    WHEN abs("s"."dollar_equity"::numeric) >= 1e300 * abs("a"."inception_nav"::numeric) THEN NULL
    WHEN abs("s"."dollar_equity"::numeric) < 1e-300 * abs("a"."inception_nav"::numeric) THEN -100
    ELSE ("s"."dollar_equity" / NULLIF("a"."inception_nav", 0) - 1) * 100
  END AS "return_pct",
  COALESCE("t"."num_trades", 0) AS "num_trades",
  COALESCE("t"."winners_count", 0) AS "num_wins",
  COALESCE("t"."losers_count", 0) AS "num_losses",
  CASE WHEN abs(COALESCE("t"."winners_net_sum", 0)) < 1.7e308 THEN COALESCE("t"."winners_net_sum", 0)::double precision END AS "win_dollars",
  CASE WHEN abs(COALESCE("t"."losers_net_sum", 0)) < 1.7e308 THEN COALESCE("t"."losers_net_sum", 0)::double precision END AS "lose_dollars",
  "s"."sharpe_ratio" AS "sharpe",
  "c"."id" AS "competition_id"
FROM "competitions" AS "c"
CROSS JOIN "models" AS "m"
LEFT JOIN "accounts" AS "a" ON "a"."competition_id" = "c"."id" AND "a"."model_id" = "m"."id"
LEFT JOIN "model_stats" AS "t" ON "t"."competition_id" = "c"."id" AND "t"."model_id" = "m"."id"
LEFT JOIN LATERAL (
  SELECT "observed_at", "dollar_equity", "sharpe_ratio"
  FROM "account_equity_snapshots"
  WHERE "competition_id" = "c"."id" AND "model_id" = "m"."id"
  ORDER BY "observed_at" DESC
  LIMIT 1
) AS "s" ON true
WHERE "m"."kind" = 'competitor' AND ("a"."model_id" IS NOT NULL OR "c"."id" = 'season-1')
ORDER BY "c"."starts_at" NULLS FIRST, "c"."id", "return_pct" DESC NULLS LAST, "m"."id";
