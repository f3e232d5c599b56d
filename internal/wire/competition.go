package wire

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Competition is a contest as it is written and listed: a season, or one mode of a
// season. Times are unix seconds. What else a row has is not kept.
type Competition struct {
	ID       string         `json:"id"`                                            // competition
	Name     Opt[string]    `json:"name,omitzero"`                                 // name for people; the id where it is absent
	Season   Opt[string]    `json:"season,omitzero"`                               // season that it is of
	Mode     Opt[string]    `json:"mode,omitzero"`                                 // mode of the season
	StartsAt Opt[float64]   `json:"starts_at,omitzero" bound:"free"`               // unix seconds with up to six decimals
	EndsAt   Opt[float64]   `json:"ends_at,omitzero" bound:"free"`                 // unix seconds with up to six decimals
	Status   Opt[string]    `json:"status,omitzero" enum:"upcoming,running,ended"` // upcoming where it is absent
	Rules    jsontext.Value `json:"rules,omitzero"`                                // whatever the organizer adds
}

func (c *Competition) check(f *Faults) {
	f.id("/id", c.ID)
	for path, text := range map[string]Opt[string]{"/name": c.Name, "/season": c.Season, "/mode": c.Mode} {
		f.optID(path, text)
	}
	f.optSeconds("/starts_at", c.StartsAt)
	f.optSeconds("/ends_at", c.EndsAt)
	if end, ends := c.EndsAt.Get(); ends && end < c.StartsAt.Or(0) {
		f.addf("/ends_at", "is before starts_at")
	}
	if s := c.Status.Or("running"); s != "upcoming" && s != "running" && s != "ended" {
		f.addf("/status", "%q is none of upcoming, running, ended", abbreviate(s, maxPath))
	}
}

// Competitions is the answer of /competitions: the one that started first at the
// beginning.
type Competitions struct {
	Competitions []ListedCompetition `json:"competitions"` // one each
	ServerTime   int64               `json:"serverTime"`
}

// ListedCompetition is a competition with who takes part in it.
type ListedCompetition struct {
	Competition

	Default  bool    `json:"default,omitzero"` // whether it is the one of requests that name none
	Accounts int     `json:"accounts"`         // number of accounts, benchmarks included
	Leader   *Leader `json:"leader,omitzero"`  // competitor of the highest return; absent where none has one
}

// Leader is who stands first in a competition.
type Leader struct {
	ModelID   string       `json:"model_id"`            // model
	Equity    Opt[float64] `json:"equity,omitzero"`     // USD
	ReturnPct Opt[float64] `json:"return_pct,omitzero"` // percent since its inception, or since its first row without one
}

// competitionMember is the member by which a row says of which competition it is.
const competitionMember = "competition_id"

// CompetitionOf is the competition that a row names in its member competition_id, or
// in that of a row that it carries; "" where it names none. Where there is no such
// member, the members among also count if they hold a text that can be an id. The
// error, a Faults, says that a name can be none, or that there are two.
func CompetitionOf(raw jsontext.Value, also ...string) (string, error) {
	if !bytes.Contains(raw, []byte("competition")) && !bytes.Contains(raw, []byte(`\u`)) {
		return "", nil // most name none
	}
	row := members(raw)
	var f Faults
	found := f.competition("", row, "")
	for _, part := range []string{"trade", "remaining", "equity", "position", "since_inception"} {
		if row[part].Kind() == '{' {
			found = f.competition("/"+part, members(row[part]), found)
		}
	}
	for _, name := range also {
		var id string
		if found == "" && json.Unmarshal(row[name], &id) == nil && CheckID(id) == nil {
			found = id
		}
	}
	return found, f.err()
}

// competition is what a row names, or else what was found before.
func (f *Faults) competition(at string, row map[string]jsontext.Value, found string) string {
	raw, at := row[competitionMember], at+"/"+competitionMember
	if raw == nil || raw.Kind() == 'n' {
		return found
	}
	var id string
	if err := json.Unmarshal(raw, &id); err != nil {
		f.addf(at, "is %s; the id of a competition is expected", kindName(raw.Kind()))
		return found
	}
	switch n := len(*f); {
	case found != "" && id != found:
		f.addf(at, "is %q, and the item is of %q", abbreviate(id, maxQuoted), found)
	default:
		if f.id(at, id); len(*f) == n {
			return id
		}
	}
	return found
}

// members are those of an object, none of another value.
func members(raw jsontext.Value) (m map[string]jsontext.Value) {
	if json.Unmarshal(raw, &m, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
		return nil
	}
	return m
}
