package mapping

import (
	"fmt"

	"nof0/entities"
	"nof0/internal/wire"
)

var equities = newMapper[wire.AccountTotal, entities.AccountEquitySnapshot]("ID", "Timestamp")

// Equity is the table row of an account-totals row. One without an id comes
// back with the one that follows from its model and hour.
func Equity(a wire.AccountTotal) entities.AccountEquitySnapshot {
	x := newExtra(a.Extra)
	if id := column(x, "id", a.ID); id != nil && *id != equityID(a.ModelID, a.SinceInceptionHourlyMarker) {
		x.set("id", *id)
	}
	return equities.row(a, x, entities.AccountEquitySnapshot{ObservedAt: x.seconds("timestamp", a.Timestamp)})
}

// EquityPayload is the payload of an equity snapshot's table row.
func EquityPayload(row entities.AccountEquitySnapshot) (wire.AccountTotal, error) {
	return equities.payload(row, wire.AccountTotal{
		ID: wire.Some(equityID(row.ModelID, row.SinceInceptionHourlyMarker)), Timestamp: wire.Seconds(row.ObservedAt),
	})
}

func equityID(model string, marker int64) string { return fmt.Sprintf("%s_%d", model, marker) }
