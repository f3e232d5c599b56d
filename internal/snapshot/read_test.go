package snapshot

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/captures"
	"nof0/internal/wire"
)

// directory writes files into a new directory.
func directory(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		put(t, dir, name, body)
	}
	return dir
}

func put(t testing.TB, dir, name, body string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600))
}

// fileErrors lists every *FileError that an error joins.
func fileErrors(err error) []*FileError {
	if one, ok := err.(*FileError); ok { //nolint:errorlint // the tree is walked here
		return []*FileError{one}
	}
	var all []*FileError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			all = append(all, fileErrors(e)...)
		}
	}
	return all
}

func TestReadsBothCapturesWhole(t *testing.T) {
	t.Parallel()
	for _, capture := range captures.Both() {
		t.Run(capture.Name, func(t *testing.T) {
			t.Parallel()
			c, err := Read(capture.Dir(t))
			require.NoError(t, err)
			require.Empty(t, c.Ignored)
			got := make(map[string]int)
			for _, f := range c.Files {
				got[string(f.Kind)] += len(f.Rows)
				require.Empty(t, f.Unknown, f.Name)
				body, err := os.ReadFile(filepath.Join(c.Dir, f.Name))
				require.NoError(t, err)
				for i, row := range f.Rows {
					require.Equal(t, i, row.Index)
					require.True(t, strings.HasPrefix(string(body[row.Offset:]), string(row.Raw)), "%s row %d", f.Name, i)
					require.True(t, row.Raw.IsValid())
					require.Equal(t, f.Kind == CryptoPrices, row.Key != "")
				}
			}
			require.Equal(t, capture.Rows, got)
			require.Len(t, c.Each(ModelAnalytics), got[string(ModelAnalytics)])
			if got[string(Positions)] == 0 {
				require.Nil(t, c.File(Positions))
			}
			require.Equal(t, "trades.json", c.File(Trades).Name)
		})
	}
}

func TestEveryCutOfACapturedFileIsRefused(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for _, path := range []string{
		filepath.Join(captures.Earlier.Dir(t), "trades.json"), filepath.Join(captures.Later.Dir(t), "conversations.json"),
		filepath.Join(captures.Earlier.Dir(t), "positions.json"), filepath.Join(captures.Later.Dir(t), "crypto-prices.json"),
	} {
		body, err := os.ReadFile(path)
		require.NoError(t, err)
		name := filepath.Base(path)
		end := bytes.LastIndexByte(body, '}') // what follows is white space
		cuts := []int{1, 2, end - 1, end}
		for range 20 + min(100, 10_000_000/len(body)) {
			cuts = append(cuts, 1+rng.IntN(end))
		}
		dir := t.TempDir()
		for _, cut := range cuts {
			put(t, dir, name, string(body[:cut]))
			_, err := Read(dir)
			var where *FileError
			require.ErrorAs(t, err, &where, "%s cut at %d", path, cut)
			require.Equal(t, name, where.File)
			require.Equal(t, int64(cut), where.Offset, "a cut is found where it is")
			require.Equal(t, strings.Count(string(body[:cut]), "\n")+1, where.Line)
			require.Equal(t, cut-bytes.LastIndexByte(body[:cut], '\n'), where.Column)
			require.Contains(t, where.Error(), "truncated")
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	const bom = "\ufeff"
	for name, c := range map[string]struct {
		file, body   string
		offset       int64
		line, column int
		reason       string
	}{
		"empty":                {"trades.json", "", 0, 1, 1, "is empty"},
		"white space":          {"trades.json", " \n ", 3, 2, 2, "is empty"},
		"BOM":                  {"trades.json", bom + `{"trades":[]}`, 0, 1, 1, "begins with a byte order mark, which JSON has not"},
		"rows as object":       {"trades.json", "{\n \"trades\": {}}", 13, 2, 12, `member "trades" is an object; an array is expected`},
		"rows as array":        {"crypto-prices.json", `{"prices":[]}`, 10, 1, 11, `member "prices" is an array; an object is expected`},
		"rows null":            {"trades.json", `{"trades":null}`, 10, 1, 11, `member "trades" is null; an array is expected`},
		"rows text":            {"trades.json", `{"trades" : "[]"}`, 12, 1, 13, `member "trades" is a string; an array is expected`},
		"more after the end":   {"trades.json", `{"trades":[]} {}`, 14, 1, 15, "has more after its end"},
		"garbage after":        {"trades.json", `{"trades":[]}x`, 13, 1, 14, ""},
		"serverTime text":      {"trades.json", `{"trades":[],"serverTime": "1"}`, 27, 1, 28, `member "serverTime" is no integer`},
		"serverTime 1.5":       {"trades.json", `{"trades":[],"serverTime":1.5}`, 26, 1, 27, `member "serverTime" is no integer`},
		"serverTime 1e3":       {"trades.json", `{"serverTime":1e3,"trades":[]}`, 14, 1, 15, `member "serverTime" is no integer`},
		"serverTime too large": {"trades.json", `{"serverTime":9223372036854775808,"trades":[]}`, 14, 1, 15, `member "serverTime" is no integer`},
		"serverTime null":      {"trades.json", `{"serverTime":null,"trades":[]}`, 14, 1, 15, `member "serverTime" is no integer`},
		"serverTime object":    {"trades.json", `{"serverTime":{},"trades":[]}`, 14, 1, 15, `member "serverTime" is no integer`},
		"marker text":          {"account-totals.json", `{"accountTotals":[],"lastHourlyMarkerRead":"1"}`, 43, 1, 44, `member "lastHourlyMarkerRead" is no integer`},
		"member twice":         {"trades.json", "{\"trades\":[],\n\"trades\":[]}", 14, 2, 1, `member "trades" stands twice`},
		"member twice, hidden": {"trades.json", `{"trades":[],"\u0074rades":[]}`, 13, 1, 14, `member "trades" stands twice`},
		"unknown twice":        {"trades.json", `{"x":1,"x":2,"trades":[]}`, 7, 1, 8, `member "x" stands twice`},
		"missing comma":        {"trades.json", "{\"trades\":[{}\n{}]}", 14, 2, 1, ""},
		"comma too many":       {"trades.json", `{"trades":[{},]}`, 13, 1, 14, ""},
		"wrong bracket":        {"trades.json", `{"trades":[{}}`, 13, 1, 14, ""},
		"NUL byte":             {"trades.json", "{\"trades\":[\x00]}", 11, 1, 12, ""},
		"single quotes":        {"trades.json", "{'trades':[]}", 1, 1, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(directory(t, map[string]string{c.file: c.body}))
			all := fileErrors(err)
			require.Len(t, all, 1, "%v", err)
			got := *all[0]
			if c.reason == "" { // the decoder's words
				require.NotEmpty(t, got.Reason)
				got.Reason = ""
			}
			require.Equal(t, FileError{File: c.file, Offset: c.offset, Line: c.line, Column: c.column, Reason: c.reason}, got)
		})
	}
}

// A file that states nothing is told from one that is damaged, and from one whose
// rows stand elsewhere than its endpoint has them.
func TestFilesThatStateNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, body, reason string }{
		{"positions.json", `{"message":"no longer served","positions":[],"serverTime":1761452350000}`, `is an error answer of the endpoint: it has a member "message" and no "accountTotals"`},
		{"trades.json", `{"error":{"code":404,"message":"not found"}}`, `is an error answer of the endpoint: it has a member "error" and no "trades"`},
		{"analytics.json", `{"detail":[{"loc":["query","limit"],"msg":"too large"}]}`, `is an error answer of the endpoint: it has a member "detail" and no "analytics"`},
		{"account-totals.json", ` {} `, `is an empty answer of the endpoint: it has no member "accountTotals"`},
		{"leaderboard.json", `{"serverTime":1,"data":{}}`, `is an empty answer of the endpoint: it has no member "leaderboard"`},
		{"conversations.json", `[]`, "is an error or empty answer of the endpoint: no object, but an array"},
		{"crypto-prices.json", `null`, "is an error or empty answer of the endpoint: no object, but null"},
		{"trades.json", `"Internal Server Error"`, "is an error or empty answer of the endpoint: no object, but a string"},
		{"since-inception-values.json", "\n<!DOCTYPE html>\n<html><body>502</body></html>", "is a page of HTML or XML, not an answer of the endpoint"},
	} {
		capture, err := Read(directory(t, map[string]string{c.file: c.body}))
		require.NoError(t, err, c.body)
		require.Equal(t, []*NothingError{{File: c.file, Reason: c.reason}}, capture.Nothing, c.body)
		require.ErrorIs(t, capture.Nothing[0], fs.ErrNotExist)
		require.Empty(t, capture.Files)
	}
	for _, c := range []struct{ file, body, at string }{
		{"trades.json", `{"data":{"trades":[{"id":"a"}]}}`, "/data/trades"},
		{"trades.json", `{"value":[{"id":"a","model_id":"m"}],"error":null}`, "/value/0/model_id"},
		{"positions.json", `{"positions":[{"model_id":"m","positions":{}}]}`, "/positions/0/model_id"},
		{"crypto-prices.json", `{"BTC":{"symbol":"BTC","price":1}}`, "/BTC/symbol"},
		{"leaderboard.json", `{"rows":[{"id":"m","num_trades":1}]}`, "/rows/0/num_trades"},
	} {
		_, err := Read(directory(t, map[string]string{c.file: c.body}))
		all := fileErrors(err)
		require.Len(t, all, 1, c.body)
		require.Contains(t, all[0].Reason, "stands at "+c.at+":", c.body)
	}
	_, err := Read(directory(t, map[string]string{"trades.json": `[{"model_id":"m"}]`}))
	require.ErrorContains(t, err, "the file is an array; an object is expected")
}

// TestRowsOfOneIdentity reads files in which several rows claim the same.
func TestRowsOfOneIdentity(t *testing.T) {
	t.Parallel()
	btc, eth := `"BTC":{"symbol":"BTC","entry_price":1,"quantity":1}`, `"ETH":{"symbol":"ETH","entry_price":1,"quantity":1}`
	for name, c := range map[string]struct {
		body     string
		want     string // positions of the model
		repeated int
		faults   []string
	}{
		"a repeat":           {`{"model_id":"m","positions":{` + btc + `}},{"positions":{` + btc + `},"model_id":"m"}`, `{` + btc + `}`, 1, nil},
		"a union":            {`{"model_id":"m","positions":{` + btc + `}},{"model_id":"m","positions":{` + eth + `}}`, `{` + btc + `,` + eth + `}`, 0, nil},
		"nothing, then some": {`{"model_id":"m","positions":{}},{"model_id":"m","positions":{` + eth + `}}`, `{` + eth + `}`, 0, nil},
		"a member more":      {`{"model_id":"m","positions":{` + btc + `}},{"model_id":"m","positions":{"BTC":{"symbol":"BTC","margin":2,"entry_price":1,"quantity":1}}}`, `{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1,"margin":2}}`, 0, nil},
		"a contradiction": {
			`{"model_id":"m","positions":{` + btc + `}},{"model_id":"m","positions":{"BTC":{"symbol":"BTC","entry_price":1,"quantity":2}}}`, `{` + btc + `}`, 0,
			[]string{"", "/positions/BTC/quantity"},
		},
		"one symbol, two names": {
			`{"model_id":"m","positions":{` + btc + `}},{"model_id":"m","positions":{"B":{"symbol":"BTC","entry_price":1,"quantity":2}}}`, `{` + btc + `}`, 0,
			[]string{"", "/positions/BTC/symbol"},
		},
		"the first is at fault": {`{"model_id":"m","positions":1},{"model_id":"m","positions":{` + eth + `}}`, `{` + eth + `}`, 0, []string{"/positions"}},
	} {
		f, err := ParseFile("positions.json", []byte(`{"accountTotals":[`+c.body+`]}`))
		require.NoError(t, err)
		d, err := Decode(f, func(row Row) (wire.ModelPositions, error) { return wire.DecodeModelPositions(row.Raw) },
			func(m *wire.ModelPositions) string { return m.ModelID })
		require.NoError(t, err)
		require.Len(t, d.Values, 1, name)
		got, err := wire.Marshal(d.Values[0].Positions)
		require.NoError(t, err)
		require.JSONEq(t, c.want, string(got), name)
		require.Equal(t, c.repeated, d.Repeated, name)
		var paths []string
		for _, fault := range d.Faults {
			for _, one := range fault.Faults {
				paths = append(paths, one.Path)
			}
		}
		require.Equal(t, c.faults, paths, name)
	}
}

func TestSeveralBadFilesAreAllNamed(t *testing.T) {
	t.Parallel()
	_, err := Read(directory(t, map[string]string{
		"trades.json": `{`, "positions.json": `[1`, "analytics-gpt-5.json": ``, "leaderboard.json": `{"leaderboard":[]}`,
	}))
	var names []string
	for _, e := range fileErrors(err) {
		names = append(names, e.File)
	}
	require.Equal(t, []string{"analytics-gpt-5.json", "positions.json", "trades.json"}, names)
}

func TestABadRowDoesNotSpoilTheFile(t *testing.T) {
	t.Parallel()
	c, err := Read(directory(t, map[string]string{
		"trades.json":        "{\"trades\":[{\"id\":\"a\"}, 5, null, {\"x\":1,\"x\":2}, \"\xff\", [1e999]],\"serverTime\":7,\"more\":[{}]}",
		"crypto-prices.json": `{"serverTime":-1,"prices":{"BTC":null,"":{}}}`,
	}))
	require.NoError(t, err)
	trades := c.File(Trades)
	var raws []string
	for _, row := range trades.Rows {
		raws = append(raws, string(row.Raw))
	}
	require.Equal(t, []string{`{"id":"a"}`, `5`, `null`, `{"x":1,"x":2}`, "\"\xff\"", `[1e999]`}, raws)
	require.Equal(t, int64(7), trades.ServerTime)
	require.Equal(t, int64(-1), trades.LastHourlyMarkerRead)
	require.Equal(t, []string{"more"}, trades.Unknown)
	prices := c.File(CryptoPrices)
	require.Equal(t, "BTC", prices.Rows[0].Key)
	require.Equal(t, "null", string(prices.Rows[0].Raw))
	require.Empty(t, prices.Rows[1].Key)
}

func TestOtherFilesAreListedAsIgnored(t *testing.T) {
	t.Parallel()
	dir := directory(t, map[string]string{
		"trades.json": `{"trades":[]}`, "README.md": "", "trade.json": "not read", "Trades.json": "", "trades.json.bak": "",
		"analytics-.json": "", ".trades.json": "[", ".trades.json.123": "", ".DS_Store": "", "analytics-a-b.c.json": `{"analytics":[]}`,
	})
	require.NoError(t, os.Mkdir(filepath.Join(dir, "positions.json"), 0o700))
	c, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"README.md", "Trades.json", "analytics-.json", "positions.json", "trade.json", "trades.json.bak"}, c.Ignored)
	require.Len(t, c.Files, 2)
	require.Equal(t, "a-b.c", c.Each(ModelAnalytics)[0].Model)
}

func TestNoDirectory(t *testing.T) {
	t.Parallel()
	dir := directory(t, map[string]string{"trades.json": `{"trades":[]}`})
	_, err := Read(filepath.Join(dir, "nothing"))
	require.ErrorContains(t, err, "does not exist")
	_, err = Read(filepath.Join(dir, "trades.json"))
	require.ErrorContains(t, err, "is a file; a snapshot directory is expected")
	c, err := Read(t.TempDir())
	require.NoError(t, err)
	require.Empty(t, c.Files)
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(dir, "nothing"), filepath.Join(dir, "trades.json")))
	_, err := Read(dir)
	require.ErrorIs(t, err, fs.ErrNotExist, "a link to nothing is no absent file")
}

func FuzzReadFile(f *testing.F) {
	for _, seed := range []string{
		"", "{", `{"trades":[{}],"serverTime":1}`, "{\"trades\":[\n{\"a\":\"\xff\"}]", `{"trades":[1}`, `{"prices":{"a":1}}`, "\ufeff{}", `{"x":`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, name := range []string{"trades.json", "crypto-prices.json"} {
			dir := directory(t, map[string]string{name: string(body)})
			c, err := Read(dir)
			if err == nil {
				require.Equal(t, 1, len(c.Files)+len(c.Nothing))
				for _, f := range c.Files {
					for _, row := range f.Rows {
						require.Equal(t, string(row.Raw), string(body[row.Offset:int(row.Offset)+len(row.Raw)]))
					}
				}
				continue
			}
			var where *FileError
			require.ErrorAs(t, err, &where)
			require.GreaterOrEqual(t, where.Offset, int64(0))
			require.LessOrEqual(t, where.Offset, int64(len(body)))
			require.Positive(t, where.Line)
			require.Positive(t, where.Column)
		}
	})
}
