package mapping

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/wire"
)

// Analytics is the table row of an imported metrics document. One that does
// not say when it was computed is as old as its capture.
func Analytics(doc wire.AnalyticsDoc, payload jsontext.Value, serverTime int64, capturedAt time.Time) entities.ModelAnalytics {
	row := entities.ModelAnalytics{
		ModelID: doc.ModelID,
		Source:  entities.AnalyticsImported,
		Payload: entities.JSON(payload),
		AsOf:    capturedAt,
	}
	if at, ok := doc.UpdatedAt.Get(); ok {
		row.AsOf = wire.Time(at)
	}
	if serverTime > 0 {
		at := wire.MillisTime(serverTime)
		row.ServerTime = &at
	}
	return row
}
