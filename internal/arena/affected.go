package arena

import (
	"fmt"
	"time"

	"nof0/cachelayer"
)

// AccountTotalsKeys are the keys under which account totals are cached that a
// snapshot of an hourly marker changes: the season, its newest day from every
// marker on, and the segment of the marker.
func AccountTotalsKeys(keys cachelayer.Keys, marker int64) ([]cachelayer.Key, error) {
	if marker < 0 {
		return nil, fmt.Errorf("%w: hourly marker %d", cachelayer.ErrBadID, marker)
	}
	whole, err := keys.AccountTotalsSince(0)
	if err != nil {
		return nil, err
	}
	all := []cachelayer.Key{whole}
	// One past the marker is what clients ask for who have seen it.
	for from := max(1, marker-segmentHours+1); from <= marker+1; from++ {
		key, err := keys.AccountTotalsSince(int(from))
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	first := marker - marker%segmentHours
	segment, err := keys.AccountTotalsHours(int(first), int(first+segmentHours-1))
	return append(all, segment), err
}

// AllAccountTotalsKeys are the keys under which account totals of a season are
// cached whose newest hourly marker is last.
func AllAccountTotalsKeys(keys cachelayer.Keys, last int64) ([]cachelayer.Key, error) {
	all, err := AccountTotalsKeys(keys, max(last, 0))
	if err != nil {
		return nil, err
	}
	for first := int64(0); first+segmentHours <= last; first += segmentHours {
		key, err := keys.AccountTotalsHours(int(first), int(first+segmentHours-1))
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	return all, nil
}

// LastMarkerKey is where a process keeps the newest hourly marker, in its own
// memory only.
func LastMarkerKey() cachelayer.Key {
	return cachelayer.Key{Name: "last_marker", Family: "account_totals", TTL: time.Second}
}
