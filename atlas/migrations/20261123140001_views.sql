-- Views for operators and dashboards. They are plain: the newest snapshot of a
-- model comes from the primary key by LATERAL in a few milliseconds however long
-- the season is, and the trade statistics are kept as trades arrive, so that
-- there is nothing to materialize.

-- The newest price of each symbol at each provider.
CREATE VIEW "v_crypto_prices_latest" AS
SELECT
  "provider",
  "symbol",
  "price",
  "observed_at"
FROM "price_latest";

-- One row per competitor. One without equity has no return and comes last.
CREATE VIEW "v_leaderboard" AS
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

-- The inception facts of each account. Decisions are counted only where no
-- source gave the number of invocations.
CREATE VIEW "v_since_inception" AS
SELECT
  "a"."inception_id" AS "id",
  "a"."model_id",
  "a"."inception_nav" AS "nav_since_inception",
  "a"."inception_at" AS "inception_date",
  COALESCE("a"."invocations", (
    SELECT count(*) FROM "decision_cycles" AS "d" WHERE "d"."model_id" = "a"."model_id"
  )) AS "num_invocations"
FROM "accounts" AS "a"
WHERE "a"."inception_nav" IS NOT NULL;

-- Kept for the jobs of operators that call it. No view above needs a refresh; a
-- materialized view named v_* that is added beside them gets one, without
-- blocking its readers, provided that it has a unique index.
CREATE FUNCTION "refresh_views_nof0"() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text;
  mode text;
BEGIN
  FOR name, mode IN
    -- A view that was never filled has no readers, and cannot be refreshed concurrently.
    SELECT c.relname, CASE WHEN c.relispopulated THEN 'CONCURRENTLY' ELSE '' END
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind = 'm' AND c.relname LIKE 'v\_%'
    ORDER BY c.relname
  LOOP
    EXECUTE format('REFRESH MATERIALIZED VIEW %s public.%I', mode, name);
  END LOOP;
END
$$;
