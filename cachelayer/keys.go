package cachelayer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"nof0/config"
)

// ErrBadID reports an id that cannot be part of a key: it is empty, holds a
// brace or a control character, or is not UTF-8; or a number that is out of
// range. A brace would move the key to another slot of a cluster and could make
// two ids spell one key.
var ErrBadID = errors.New("bad id for a cache key")

// prefix starts every key, so that Drop finds them all and nothing else.
const prefix = "nof0:"

// ingestGuardTTL is as long as the idempotency keys in Postgres are kept.
const ingestGuardTTL = 24 * time.Hour

// minGenerationTTL keeps a key's generation for longer than any load lasts. When
// one expires during a load the fill is refused, which costs one more load.
const minGenerationTTL = 10 * time.Minute

// generationPattern matches the generation of every key.
const generationPattern = prefix + "gen:*"

// Key names one value in Redis.
type Key struct {
	// Name is the key as Redis knows it.
	Name string
	// Family is the bounded label under which metrics count the key.
	Family string
	// TTL is how long the value lives. Zero means that it does not expire, and
	// that Fetch does not store it.
	TTL time.Duration
}

// Keys spells every key of nof0, with its TTL. Braces are literal: they are the
// hash tags that keep what belongs together in one slot of a Redis Cluster.
// Methods that take an id return an error that is ErrBadID for one that cannot
// be part of a key.
type Keys struct {
	short, medium, long time.Duration
}

// NewKeys takes the TTL classes from cfg.
func NewKeys(cfg config.Cache) Keys {
	return Keys{short: cfg.Short, medium: cfg.Medium, long: cfg.Long}
}

// LatestPrice holds the newest price of a symbol from the primary provider.
func (k Keys) LatestPrice(symbol string) (Key, error) {
	return tagged("latest_price", k.short, "price:latest:", symbol, "")
}

// LatestProviderPrice holds the newest price of a symbol from one provider.
func (k Keys) LatestProviderPrice(provider, symbol string) (Key, error) {
	return taggedBehind("latest_price", k.short, "price:latest:", provider, symbol)
}

// CryptoPrices holds the newest price of every symbol.
func (k Keys) CryptoPrices() Key {
	return fixed("crypto_prices", k.short, "crypto_prices")
}

// Positions holds a model's open positions, by symbol.
func (k Keys) Positions(model string) (Key, error) {
	return tagged("positions", k.medium/2, "positions:", model, "")
}

// PositionsLock holds the fencing token of whoever rewrites a model's positions.
func (k Keys) PositionsLock(model string) (Key, error) {
	return tagged("lock", k.short/2, "lock:positions:", model, "")
}

// RecentTrades holds a model's newest trades.
func (k Keys) RecentTrades(model string) (Key, error) {
	return tagged("recent_trades", k.medium, "trades:recent:", model, "")
}

// TradesStream is the stream with one entry per trade. It is bounded in length
// and does not expire.
func (k Keys) TradesStream() Key {
	return fixed("trades_stream", 0, "trades:stream")
}

// IngestedTrade holds the digest of a trade event that was accepted.
func (k Keys) IngestedTrade(model, id string) (Key, error) {
	if err := checkID("trade id", id); err != nil {
		return Key{}, err
	}
	return tagged("ingest_guard", ingestGuardTTL, "ingest:trade:", model, ":"+id)
}

// Leaderboard ranks the models by return in percent.
func (k Keys) Leaderboard() Key {
	return fixed("leaderboard", k.medium, "leaderboard")
}

// LeaderboardView holds the rendered leaderboard.
func (k Keys) LeaderboardView() Key {
	return fixed("leaderboard_view", k.medium, "leaderboard:cache")
}

// SinceInception holds a model's time and value pairs.
func (k Keys) SinceInception(model string) (Key, error) {
	return tagged("since_inception", k.long, "since_inception:", model, "")
}

// AccountTotalsHours holds the rendered rows of the closed hourly markers first
// to last, both included.
func (k Keys) AccountTotalsHours(first, last int) (Key, error) {
	if first < 0 || last < first {
		return Key{}, fmt.Errorf("%w: hourly markers %d to %d", ErrBadID, first, last)
	}
	return fixed("account_totals_hours", k.long,
		"account_totals:hours:"+strconv.Itoa(first)+"-"+strconv.Itoa(last)), nil
}

// AccountTotalsSince holds the rendered rows from hourly marker on; 0 is the
// whole season. It includes the running hour, which still changes.
func (k Keys) AccountTotalsSince(marker int) (Key, error) {
	if marker < 0 {
		return Key{}, fmt.Errorf("%w: hourly marker %d", ErrBadID, marker)
	}
	return fixed("account_totals_since", k.short, "account_totals:since:"+strconv.Itoa(marker)), nil
}

// Analytics holds a model's analytics payload.
func (k Keys) Analytics(model string) (Key, error) {
	return tagged("analytics", 2*k.long, "analytics:", model, "")
}

// AllAnalytics holds the analytics payload of every model.
func (k Keys) AllAnalytics() Key {
	return fixed("analytics_all", 2*k.long, "analytics:all")
}

// Conversations holds a model's newest messages or decisions.
func (k Keys) Conversations(model string) (Key, error) {
	return tagged("conversations", k.long, "conversations:", model, "")
}

// LastDecision holds a model's last decision.
func (k Keys) LastDecision(model string) (Key, error) {
	return tagged("last_decision", k.medium, "decision:last:", model, "")
}

// TraderState holds a trader's cooldowns, pause and guards.
func (k Keys) TraderState(trader string) (Key, error) {
	return tagged("trader_state", k.medium, "trader:", trader, ":state")
}

// MarketAsset holds the metadata of an asset at a provider.
func (k Keys) MarketAsset(provider, symbol string) (Key, error) {
	return taggedBehind("market_asset", k.long, "market:asset:", provider, symbol)
}

// MarketCtx holds the market context of an asset at a provider.
func (k Keys) MarketCtx(provider, symbol string) (Key, error) {
	return taggedBehind("market_ctx", k.medium, "market:ctx:", provider, symbol)
}

// SimOrders is reserved for the orders of a paper-trading engine.
func (k Keys) SimOrders(trader string) (Key, error) {
	return tagged("sim_orders", k.medium, "sim:orders:", trader, "")
}

// SimBalances is reserved for the balances of a paper-trading engine.
func (k Keys) SimBalances(trader string) (Key, error) {
	return tagged("sim_balances", k.medium, "sim:balances:", trader, "")
}

// TradesView holds the rendered trades of every model.
func (k Keys) TradesView() Key {
	return fixed("trades_view", k.medium, "view:trades")
}

// PositionsView holds the rendered positions of every model.
func (k Keys) PositionsView() Key {
	return fixed("positions_view", k.medium/2, "view:positions")
}

// PositionsViewLimit holds the rendered positions, cut to limit.
func (k Keys) PositionsViewLimit(limit int) (Key, error) {
	if limit < 0 {
		return Key{}, fmt.Errorf("%w: limit %d", ErrBadID, limit)
	}
	return fixed("positions_view", k.medium/2, "view:positions:"+strconv.Itoa(limit)), nil
}

// SinceInceptionView holds the rendered values of every model since inception.
func (k Keys) SinceInceptionView() Key {
	return fixed("since_inception_view", k.long, "view:since_inception")
}

// ConversationsView holds the rendered conversations of every model.
func (k Keys) ConversationsView() Key {
	return fixed("conversations_view", k.long, "view:conversations")
}

// EquityVersion holds a value that changes with every equity row, and
// PricesVersion one that changes with every tick: what was made from the rows
// holds for as long as it stays the same.
func (k Keys) EquityVersion() Key {
	return fixed("version", k.medium, "version:equity")
}

// PricesVersion is explained with EquityVersion.
func (k Keys) PricesVersion() Key {
	return fixed("version", k.medium, "version:prices")
}

// EquityCurves holds a rendered part of the equity of a model, or of all. It is
// for the cache of a process: there are as many parts as clients think of.
func (k Keys) EquityCurves(model, part string) Key {
	return fixed("equity_curves", k.short, "view:equity:"+part+":"+model)
}

// PriceHistory holds a rendered part of the prices of a symbol, as EquityCurves.
func (k Keys) PriceHistory(symbol, part string) Key {
	return fixed("price_history", k.short, "view:prices:"+part+":"+symbol)
}

// fixed spells a key without an id.
func fixed(family string, ttl time.Duration, name string) Key {
	return Key{Name: prefix + name, Family: family, TTL: ttl}
}

// tagged spells head{id}tail.
func tagged(family string, ttl time.Duration, head, id, tail string) (Key, error) {
	if err := checkID(family, id); err != nil {
		return Key{}, err
	}
	return Key{Name: prefix + head + "{" + id + "}" + tail, Family: family, TTL: ttl}, nil
}

// taggedBehind spells head qualifier:{id}.
func taggedBehind(family string, ttl time.Duration, head, qualifier, id string) (Key, error) {
	if err := checkID(family, qualifier); err != nil {
		return Key{}, err
	}
	return tagged(family, ttl, head+qualifier+":", id, "")
}

func checkID(what, id string) error {
	if id == "" || !utf8.ValidString(id) || strings.ContainsAny(id, "{}") || strings.ContainsFunc(id, unicode.IsControl) {
		return fmt.Errorf("%w: %s %q", ErrBadID, what, id)
	}
	return nil
}

// generationName spells the key of name's generation, which is in name's slot: it
// repeats the hash tag of name, or makes one of the whole of a name that has
// none, which is what the slot of such a name is computed from.
func generationName(name string) string {
	if strings.Contains(name, "{") {
		return prefix + "gen:" + name
	}
	return prefix + "gen:{" + name + "}"
}

// lockName spells the key of the fencing tokens of the projection under name, in
// name's slot; of positions it is that of [Keys.PositionsLock].
func lockName(name string) string {
	rest := strings.TrimPrefix(name, prefix)
	if strings.Contains(rest, "{") {
		return prefix + "lock:" + rest
	}
	return prefix + "lock:{" + name + "}"
}

// stageName spells the key under which the holder of token puts together a
// projection that is too large for one command, in the slot of name.
func stageName(name, token string) string { return lockName(name) + ":" + token }
