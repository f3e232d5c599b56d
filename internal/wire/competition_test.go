package wire_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/wire"
)

func TestCompetitionOf(t *testing.T) {
	t.Parallel()
	for row, want := range map[string]string{
		`{"model_id":"m"}`:                                   "",
		`{"competition_id":"s2"}`:                            "s2",
		`{"competition_id":null}`:                            "",
		`{"competition\u005fid":"s2"}`:                       "s2",
		`{"competition":"s2"}`:                               "",
		`{"trade":{"competition_id":"s2"}}`:                  "s2",
		`{"competition_id":"s2","equity":null}`:              "s2",
		`{"trade":{},"remaining":{"competition_id":"calm"}}`: "calm",
		`{"position":{"competition_id":"calm"}}`:             "calm",
		`{"since_inception":{"competition_id":"wild"}}`:      "wild",
		`{"equity":{"competition_id":"s2"},"trade":{"competition_id":"s2"},"competition_id":"s2"}`: "s2",
		`[{"competition_id":"s2"}]`: "",
		`"competition_id"`:          "",
	} {
		id, err := wire.CompetitionOf(jsontext.Value(row))
		require.NoError(t, err, row)
		assert.Equal(t, want, id, row)
	}
	for row, path := range map[string]string{
		`{"competition_id":7}`:                                           "/competition_id",
		`{"competition_id":""}`:                                          "/competition_id",
		`{"competition_id":" s2"}`:                                       "/competition_id",
		`{"competition_id":"s{2}"}`:                                      "/competition_id",
		`{"competition_id":{"id":"s2"}}`:                                 "/competition_id",
		`{"competition_id":"s2","trade":{"competition_id":"s1"}}`:        "/trade/competition_id",
		`{"trade":{"competition_id":"a"},"equity":{"competition_id":1}}`: "/equity/competition_id",
	} {
		_, err := wire.CompetitionOf(jsontext.Value(row))
		faults := wire.Faults{}
		require.ErrorAs(t, err, &faults, row)
		require.Len(t, faults, 1, row)
		assert.Equal(t, path, faults[0].Path, row)
	}
}

// A capture of somebody else may call the member otherwise, and another member of that
// name is nothing that a row could be refused for.
func TestCompetitionOfACapturedRow(t *testing.T) {
	t.Parallel()
	for row, want := range map[string]string{
		`{"competition":"s2"}`:                       "s2",
		`{"competition":"s2","competition_id":"s3"}`: "s3",
		`{"competition":{"name":"s2"}}`:              "",
		`{"competition":12}`:                         "",
		`{"competition":""}`:                         "",
		`{"competition":"s2","competition_id":null}`: "s2",
		`{}`: "",
	} {
		id, err := wire.CompetitionOf(jsontext.Value(row), "competition")
		require.NoError(t, err, row)
		assert.Equal(t, want, id, row)
	}
}
