package mapping

import (
	"nof0/entities"
	"nof0/internal/wire"
)

// Account is the table row of an account's inception.
func Account(s wire.SinceInception, provider string) entities.Account {
	x := newExtra(s.Extra)
	at := x.seconds("inception_date", s.InceptionDate)
	row := entities.Account{
		ModelID:      s.ModelID,
		Provider:     provider,
		InceptionID:  column(x, "id", s.ID),
		InceptionAt:  &at,
		InceptionNAV: &s.NavSinceInception,
		Invocations:  column(x, "num_invocations", s.NumInvocations),
	}
	row.Extra = x.json()
	return row
}

// InceptionPayload is the payload of an account's table row; false where its
// inception is not known.
func InceptionPayload(row entities.Account) (wire.SinceInception, bool, error) {
	if row.InceptionAt == nil || row.InceptionNAV == nil {
		return wire.SinceInception{}, false, nil
	}
	s := wire.SinceInception{
		ID:                wire.FromPtr(row.InceptionID),
		ModelID:           row.ModelID,
		NavSinceInception: *row.InceptionNAV,
		InceptionDate:     wire.Seconds(*row.InceptionAt),
		NumInvocations:    wire.FromPtr(row.Invocations),
	}
	return s, true, Overlay(row.Extra, &s)
}

// StandingPayload is the row of the imported leaderboard that an account keeps;
// nil where it keeps none.
func StandingPayload(row entities.Account) (*wire.LeaderboardRow, error) {
	if row.Standing == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	l, err := wire.Decode[wire.LeaderboardRow](raw(row.Standing))
	return &l, err
}
