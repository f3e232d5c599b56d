// Package season makes up a whole consistent season of the arena: prices that
// walk, models that trade at them, the decisions that led there, and the equity
// and metrics that follow. It is seeded: the same options give the same bytes
// on every machine.
//
// Every amount is computed in whole micro-dollars from whole price ticks and
// size steps, so that the books balance to the last digit. At each hourly
// marker, for each account,
//
//	dollar_equity = NAV
//	              + Σ realized net PnL of the trades exited so far   (realized_pnl)
//	              − Σ fees paid on entries still open                (commission of positions)
//	              + Σ unrealized PnL of open positions               (total_unrealized_pnl)
//
// and a trade's net PnL is its gross PnL less its exit fee and its share of the
// entry fee. The last marker is the end of the season: positions and prices
// are those of its row.
package season
