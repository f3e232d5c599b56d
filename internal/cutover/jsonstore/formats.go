package jsonstore

import (
	"fmt"
	"strings"

	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
)

// The formats of the files that are written row by row.

func pricesFormat() format[wire.Price] {
	return format[wire.Price]{
		kind:   snapshot.CryptoPrices,
		decode: decodePrice,
		id:     func(p *wire.Price) string { return p.Symbol },
		order:  func(a, b *wire.Price) int { return strings.Compare(a.Symbol, b.Symbol) },
	}
}

func positionsFormat() format[wire.ModelPositions] {
	return format[wire.ModelPositions]{
		kind:   snapshot.Positions,
		decode: func(row snapshot.Row) (wire.ModelPositions, error) { return wire.DecodeModelPositions(row.Raw) },
		id:     func(m *wire.ModelPositions) string { return m.ModelID },
	}
}

func tradesFormat() format[wire.Trade] {
	return format[wire.Trade]{
		kind:   snapshot.Trades,
		decode: func(row snapshot.Row) (wire.Trade, error) { return wire.Decode[wire.Trade](row.Raw) },
		id:     func(t *wire.Trade) string { return tradeID(t.ModelID, t.ID) },
		order:  func(a, b *wire.Trade) int { return arena.CompareTrades(*a, *b) },
	}
}

func tradeID(model, id string) string { return model + "\x00" + id }

func totalsFormat() format[wire.AccountTotal] {
	return format[wire.AccountTotal]{
		kind:   snapshot.AccountTotals,
		decode: func(row snapshot.Row) (wire.AccountTotal, error) { return wire.Decode[wire.AccountTotal](row.Raw) },
		id: func(a *wire.AccountTotal) string {
			return fmt.Sprintf("%s\x00%d", a.ModelID, wire.Time(a.Timestamp).UnixMicro())
		},
		order:  func(a, b *wire.AccountTotal) int { return arena.CompareTotals(*a, *b) },
		unread: unreadStatements,
	}
}

func inceptionFormat() format[wire.SinceInception] {
	return format[wire.SinceInception]{
		kind:   snapshot.SinceInception,
		decode: func(row snapshot.Row) (wire.SinceInception, error) { return wire.Decode[wire.SinceInception](row.Raw) },
		id:     func(s *wire.SinceInception) string { return s.ModelID },
	}
}

func analyticsFormat() format[analyticsRow] {
	return format[analyticsRow]{
		kind:   snapshot.Analytics,
		decode: func(row snapshot.Row) (analyticsRow, error) { return decodeAnalytics(row.Raw) },
		id:     func(d *analyticsRow) string { return d.model },
		render: func(d *analyticsRow) any { return d.raw },
	}
}

// analyticsFormatOf is the format of an analytics-MODEL.json, all of whose rows are of
// that model.
func analyticsFormatOf(name string) format[analyticsRow] {
	f := analyticsFormat()
	_, model, _ := snapshot.KindOf(name)
	f.decode = func(row snapshot.Row) (analyticsRow, error) {
		doc, err := decodeAnalytics(row.Raw)
		if err == nil && doc.model != model {
			err = wire.Faults{{Path: "/model_id", Reason: "differs from the model in the name of the file"}}
		}
		return doc, err
	}
	return f
}

func leaderboardFormat() format[wire.LeaderboardRow] {
	return format[wire.LeaderboardRow]{
		kind:   snapshot.Leaderboard,
		decode: func(row snapshot.Row) (wire.LeaderboardRow, error) { return wire.Decode[wire.LeaderboardRow](row.Raw) },
		id:     func(l *wire.LeaderboardRow) string { return l.ID },
	}
}

func documentsFormat() format[wire.Document] {
	return format[wire.Document]{
		kind:   snapshot.Conversations,
		decode: func(row snapshot.Row) (wire.Document, error) { return snapshot.DecodeDocument(row.Raw) },
		id:     documentID,
		order:  func(a, b *wire.Document) int { return arena.CompareDocuments(*a, *b) },
	}
}

// documentsAsTheyStand is the format of the documents for who does not change them:
// several rows may be of one thread.
func documentsAsTheyStand() format[wire.Document] {
	f := documentsFormat()
	f.id = func(d *wire.Document) string {
		if d.Thread != nil {
			return ""
		}
		return documentID(d)
	}
	return f
}

func documentID(d *wire.Document) string {
	if d.Thread != nil {
		return mapping.ThreadID(*d.Thread)
	}
	return "decision/" + tradeID(d.Decision.ModelID, d.Decision.ID)
}
