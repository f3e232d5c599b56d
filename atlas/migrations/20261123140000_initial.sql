-- Create "models" table
CREATE TABLE "models" (
  "id" text NOT NULL,
  "display_name" text NOT NULL,
  "kind" text NOT NULL DEFAULT 'competitor',
  "trader_config" jsonb NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id"),
  CONSTRAINT "chk_models_kind" CHECK (kind = ANY (ARRAY['competitor'::text, 'benchmark'::text]))
);
-- Create "outbox_events" table
CREATE TABLE "outbox_events" (
  "id" bigserial NOT NULL,
  "aggregate" text NOT NULL,
  "model_id" text NOT NULL,
  "type" text NOT NULL,
  "payload" jsonb NOT NULL,
  "sequence" bigint NULL,
  "relayed_at" timestamptz NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id")
);
-- Create index "outbox_events_relayed_at" to table: "outbox_events"
CREATE INDEX "outbox_events_relayed_at" ON "outbox_events" ("relayed_at");
-- Create index "outbox_events_sequence" to table: "outbox_events"
CREATE UNIQUE INDEX "outbox_events_sequence" ON "outbox_events" ("sequence");
-- Create index "outbox_events_unrelayed" to table: "outbox_events"
CREATE INDEX "outbox_events_unrelayed" ON "outbox_events" ("model_id", "id") WHERE (relayed_at IS NULL);
-- Create "trades" table
CREATE TABLE "trades" (
  "model_id" text NOT NULL,
  "id" text NOT NULL,
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "side" text NOT NULL,
  "trade_type" text NULL,
  "trade_id" text NULL,
  "quantity" double precision NOT NULL,
  "leverage" double precision NULL,
  "confidence" double precision NULL,
  "entry_time" timestamptz NOT NULL,
  "entry_human_time" text NULL,
  "entry_price" double precision NOT NULL,
  "entry_sz" double precision NULL,
  "entry_oid" bigint NULL,
  "entry_tid" bigint NULL,
  "entry_crossed" boolean NULL,
  "entry_liquidation" jsonb NULL,
  "entry_commission_dollars" double precision NULL,
  "entry_closed_pnl" double precision NULL,
  "exit_time" timestamptz NOT NULL,
  "exit_human_time" text NULL,
  "exit_price" double precision NOT NULL,
  "exit_sz" double precision NULL,
  "exit_oid" bigint NULL,
  "exit_tid" bigint NULL,
  "exit_crossed" boolean NULL,
  "exit_liquidation" jsonb NULL,
  "exit_commission_dollars" double precision NULL,
  "exit_closed_pnl" double precision NULL,
  "exit_plan" jsonb NULL,
  "realized_gross_pnl" double precision NULL,
  "realized_net_pnl" double precision NOT NULL,
  "total_commission_dollars" double precision NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("model_id", "id"),
  CONSTRAINT "chk_trades_side" CHECK (side = ANY (ARRAY['long'::text, 'short'::text]))
);
-- Create index "trades_exit_oid" to table: "trades"
CREATE INDEX "trades_exit_oid" ON "trades" ("exit_oid");
-- Create index "trades_newest" to table: "trades"
CREATE INDEX "trades_newest" ON "trades" ("model_id", "exit_time" DESC, "id" DESC);
-- Create "conversations" table
CREATE TABLE "conversations" (
  "id" text NOT NULL,
  "model_id" text NOT NULL,
  "kind" text NOT NULL,
  "topic" text NULL,
  "last_message_at" timestamptz NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id"),
  CONSTRAINT "chk_conversations_kind" CHECK (kind = ANY (ARRAY['thread'::text, 'decisions'::text]))
);
-- Create index "conversations_model" to table: "conversations"
CREATE INDEX "conversations_model" ON "conversations" ("model_id");
-- Create index "conversations_newest" to table: "conversations"
CREATE INDEX "conversations_newest" ON "conversations" ("last_message_at" DESC) WHERE (kind = 'thread'::text);
-- Create "decision_cycles" table
CREATE TABLE "decision_cycles" (
  "model_id" text NOT NULL,
  "id" text NOT NULL,
  "executed_at" timestamptz NOT NULL,
  "inserted_at" timestamptz NULL,
  "cycle_id" bigint NULL,
  "run_id" text NULL,
  "skill" text NULL,
  "user_prompt" text NULL,
  "prompt_digest" text NULL,
  "cot_trace" jsonb NULL,
  "cot_trace_summary" text NULL,
  "decisions" jsonb NULL,
  "success" boolean NOT NULL,
  "error" text NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("model_id", "id")
);
-- Create index "decision_cycles_model_newest" to table: "decision_cycles"
CREATE INDEX "decision_cycles_model_newest" ON "decision_cycles" ("model_id", "executed_at" DESC, "id" DESC);
-- Create index "decision_cycles_newest" to table: "decision_cycles"
CREATE INDEX "decision_cycles_newest" ON "decision_cycles" ("executed_at" DESC, "id" DESC);
-- Create "idempotency_keys" table
CREATE TABLE "idempotency_keys" (
  "token_id" text NOT NULL,
  "key" text NOT NULL,
  "request_digest" text NOT NULL,
  "status" bigint NOT NULL,
  "body" bytea NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("token_id", "key")
);
-- Create "market_asset_ctx" table
CREATE TABLE "market_asset_ctx" (
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "observed_at" timestamptz NOT NULL,
  "funding" double precision NULL,
  "open_interest" double precision NULL,
  "oracle_price" double precision NULL,
  "mark_price" double precision NULL,
  "mid_price" double precision NULL,
  "impact_prices" jsonb NULL,
  "prev_day_price" double precision NULL,
  "day_notional" double precision NULL,
  "day_base_volume" double precision NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider", "symbol")
);
-- Create "market_assets" table
CREATE TABLE "market_assets" (
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "size_decimals" bigint NULL,
  "max_leverage" double precision NULL,
  "only_isolated" boolean NULL,
  "margin_table_id" bigint NULL,
  "is_delisted" boolean NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider", "symbol")
);
-- Create "model_analytics" table
CREATE TABLE "model_analytics" (
  "model_id" text NOT NULL,
  "source" text NOT NULL,
  "payload" jsonb NOT NULL,
  "as_of" timestamptz NOT NULL,
  "server_time" timestamptz NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("model_id", "source"),
  CONSTRAINT "chk_model_analytics_payload" CHECK (jsonb_typeof(payload) = 'object'::text),
  CONSTRAINT "chk_model_analytics_source" CHECK (source = ANY (ARRAY['imported'::text, 'computed'::text]))
);
-- Create "model_stats" table
CREATE TABLE "model_stats" (
  "model_id" text NOT NULL,
  "num_trades" bigint NOT NULL DEFAULT 0,
  "net_sum" numeric NOT NULL DEFAULT 0,
  "net_sum_sq" numeric NOT NULL DEFAULT 0,
  "gross_sum" numeric NOT NULL DEFAULT 0,
  "gross_sum_sq" numeric NOT NULL DEFAULT 0,
  "fee_sum" numeric NOT NULL DEFAULT 0,
  "fee_sum_sq" numeric NOT NULL DEFAULT 0,
  "notional_sum" numeric NOT NULL DEFAULT 0,
  "notional_sum_sq" numeric NOT NULL DEFAULT 0,
  "holding_sum" numeric NOT NULL DEFAULT 0,
  "holding_sum_sq" numeric NOT NULL DEFAULT 0,
  "winners_count" bigint NOT NULL DEFAULT 0,
  "winners_net_sum" numeric NOT NULL DEFAULT 0,
  "winners_net_sum_sq" numeric NOT NULL DEFAULT 0,
  "winners_notional_sum" numeric NOT NULL DEFAULT 0,
  "winners_notional_sum_sq" numeric NOT NULL DEFAULT 0,
  "winners_holding_sum" numeric NOT NULL DEFAULT 0,
  "winners_holding_sum_sq" numeric NOT NULL DEFAULT 0,
  "losers_count" bigint NOT NULL DEFAULT 0,
  "losers_net_sum" numeric NOT NULL DEFAULT 0,
  "losers_net_sum_sq" numeric NOT NULL DEFAULT 0,
  "losers_notional_sum" numeric NOT NULL DEFAULT 0,
  "losers_notional_sum_sq" numeric NOT NULL DEFAULT 0,
  "losers_holding_sum" numeric NOT NULL DEFAULT 0,
  "losers_holding_sum_sq" numeric NOT NULL DEFAULT 0,
  "longs_count" bigint NOT NULL DEFAULT 0,
  "longs_net_sum" numeric NOT NULL DEFAULT 0,
  "longs_net_sum_sq" numeric NOT NULL DEFAULT 0,
  "longs_notional_sum" numeric NOT NULL DEFAULT 0,
  "longs_notional_sum_sq" numeric NOT NULL DEFAULT 0,
  "longs_holding_sum" numeric NOT NULL DEFAULT 0,
  "longs_holding_sum_sq" numeric NOT NULL DEFAULT 0,
  "shorts_count" bigint NOT NULL DEFAULT 0,
  "shorts_net_sum" numeric NOT NULL DEFAULT 0,
  "shorts_net_sum_sq" numeric NOT NULL DEFAULT 0,
  "shorts_notional_sum" numeric NOT NULL DEFAULT 0,
  "shorts_notional_sum_sq" numeric NOT NULL DEFAULT 0,
  "shorts_holding_sum" numeric NOT NULL DEFAULT 0,
  "shorts_holding_sum_sq" numeric NOT NULL DEFAULT 0,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("model_id")
);
-- Create "accounts" table
CREATE TABLE "accounts" (
  "model_id" text NOT NULL,
  "provider" text NOT NULL,
  "base_currency" text NOT NULL DEFAULT 'USD',
  "inception_id" text NULL,
  "inception_at" timestamptz NULL,
  "inception_nav" double precision NULL,
  "invocations" bigint NULL,
  "invocations_as_of" timestamptz NULL,
  "positions_as_of" timestamptz NULL,
  "positions_extra" jsonb NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("model_id")
);
-- Create "parity_runs" table
CREATE TABLE "parity_runs" (
  "id" bigserial NOT NULL,
  "domain" text NOT NULL,
  "ran_at" timestamptz NOT NULL,
  "verdict" text NOT NULL,
  "counts" jsonb NOT NULL,
  "differences" jsonb NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id")
);
-- Create index "parity_runs_newest" to table: "parity_runs"
CREATE INDEX "parity_runs_newest" ON "parity_runs" ("domain", "ran_at" DESC);
-- Create "account_equity_snapshots" table
CREATE TABLE "account_equity_snapshots" (
  "model_id" text NOT NULL,
  "observed_at" timestamptz NOT NULL,
  "since_inception_hourly_marker" bigint NOT NULL,
  "since_inception_minute_marker" bigint NULL,
  "dollar_equity" double precision NOT NULL,
  "realized_pnl" double precision NULL,
  "total_unrealized_pnl" double precision NULL,
  "cum_pnl_pct" double precision NULL,
  "sharpe_ratio" double precision NULL,
  "run_id" text NULL,
  "positions" jsonb NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("model_id", "observed_at")
);
-- Create index "account_equity_snapshots_hour" to table: "account_equity_snapshots"
CREATE INDEX "account_equity_snapshots_hour" ON "account_equity_snapshots" ("model_id", "since_inception_hourly_marker", "observed_at" DESC);
-- Create "positions" table
CREATE TABLE "positions" (
  "model_id" text NOT NULL,
  "id" text NOT NULL,
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "status" text NOT NULL,
  "stated_at" timestamptz NOT NULL,
  "closed_at" timestamptz NULL,
  "entry_oid" bigint NULL,
  "entry_time" timestamptz NULL,
  "entry_price" double precision NOT NULL,
  "quantity" double precision NOT NULL,
  "opened_quantity" double precision NULL,
  "leverage" double precision NULL,
  "margin" double precision NULL,
  "liquidation_price" double precision NULL,
  "current_price" double precision NULL,
  "unrealized_pnl" double precision NULL,
  "closed_pnl" double precision NULL,
  "commission" double precision NULL,
  "slippage" double precision NULL,
  "risk_usd" double precision NULL,
  "confidence" double precision NULL,
  "exit_plan" jsonb NULL,
  "index_col" jsonb NULL,
  "wait_for_fill" boolean NULL,
  "oid" bigint NULL,
  "tp_oid" bigint NULL,
  "sl_oid" bigint NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("model_id", "id"),
  CONSTRAINT "chk_positions_status" CHECK (status = ANY (ARRAY['open'::text, 'closed'::text]))
);
-- Create index "positions_one_open" to table: "positions"
CREATE UNIQUE INDEX "positions_one_open" ON "positions" ("model_id", "provider", "symbol") WHERE (status = 'open'::text);
-- Create "price_latest" table
CREATE TABLE "price_latest" (
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "observed_at" timestamptz NOT NULL,
  "price" double precision NOT NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider", "symbol")
);
-- Create "price_ticks" table
CREATE TABLE "price_ticks" (
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "observed_at" timestamptz NOT NULL,
  "price" double precision NOT NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider", "symbol", "observed_at")
) PARTITION BY RANGE ("observed_at");
-- Create "rollout_changes" table
CREATE TABLE "rollout_changes" (
  "id" bigserial NOT NULL,
  "domain" text NOT NULL,
  "read_from" text NOT NULL,
  "read_to" text NOT NULL,
  "write_from" text NOT NULL,
  "write_to" text NOT NULL,
  "changed_by" text NOT NULL,
  "reason" text NOT NULL,
  "forced" boolean NOT NULL DEFAULT false,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("id")
);
-- Create index "rollout_changes_domain" to table: "rollout_changes"
CREATE INDEX "rollout_changes_domain" ON "rollout_changes" ("domain");
-- Create "rollout_switches" table
CREATE TABLE "rollout_switches" (
  "domain" text NOT NULL,
  "read_mode" text NOT NULL,
  "write_mode" text NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("domain"),
  CONSTRAINT "chk_rollout_switches_read_mode" CHECK (read_mode = ANY (ARRAY['json'::text, 'shadow'::text, 'store'::text])),
  CONSTRAINT "chk_rollout_switches_write_mode" CHECK (write_mode = ANY (ARRAY['json'::text, 'both'::text, 'store'::text]))
);
-- Create "symbols" table
CREATE TABLE "symbols" (
  "symbol" text NOT NULL,
  "quote_currency" text NOT NULL DEFAULT 'USD',
  "tick_size" double precision NULL,
  "size_step" double precision NULL,
  "metadata" jsonb NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("symbol")
);
-- Create "trader_state" table
CREATE TABLE "trader_state" (
  "trader_id" text NOT NULL,
  "exchange_provider" text NULL,
  "market_provider" text NULL,
  "allocation_pct" double precision NULL,
  "cooldown" jsonb NULL,
  "risk_guards" jsonb NULL,
  "last_decision_at" timestamptz NULL,
  "pause_until" timestamptz NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("trader_id")
);
-- Create "conversation_messages" table
CREATE TABLE "conversation_messages" (
  "conversation_id" text NOT NULL,
  "time" timestamptz NOT NULL,
  "role" text NOT NULL,
  "content_digest" text NOT NULL,
  "sequence" bigint NOT NULL,
  "content" text NOT NULL,
  "metadata" jsonb NULL,
  "extra" jsonb NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("conversation_id", "time", "role", "content_digest"),
  CONSTRAINT "fk_conversation_messages_conversation" FOREIGN KEY ("conversation_id") REFERENCES "conversations" ("id") ON UPDATE NO ACTION ON DELETE CASCADE,
  CONSTRAINT "chk_conversation_messages_role" CHECK (role = ANY (ARRAY['system'::text, 'user'::text, 'assistant'::text]))
);
