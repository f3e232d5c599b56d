package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"nof0/entities"
	"nof0/internal/wire"
)

// ledgerName is the file of what positions.json cannot say.
const ledgerName = ".ledger.json"

// Ledger is what the rules of positions need to know beside the open ones, the
// newest of each model last.
type Ledger struct {
	// Applied are the trades that have closed or reduced a position.
	Applied map[string][]string `json:"applied"`
	// Closed are the positions that have been closed.
	Closed map[string][]string `json:"closed"`
	// Facts are what was said of positions, by model.
	Facts map[string][]entities.PositionFact `json:"facts,omitempty"`
}

// PutLedger stages the ledger of the directory.
func (e *Editing) PutLedger(l Ledger) error {
	body, err := wire.Marshal(l)
	if err != nil {
		return fmt.Errorf("error rendering %s: %w", ledgerName, err)
	}
	return e.stage(ledgerName, body)
}

// ReadLedger reads the ledger of a directory, empty where there is none.
func ReadLedger(dir string) (l Ledger, err error) {
	l = Ledger{
		Applied: map[string][]string{}, Closed: map[string][]string{}, Facts: map[string][]entities.PositionFact{},
	}
	raw, err := os.ReadFile(filepath.Join(dir, ledgerName))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = wire.Unmarshal(raw, &l)
	}
	if err != nil {
		return l, fmt.Errorf("error reading %s: %w", ledgerName, err)
	}
	return l, nil
}
