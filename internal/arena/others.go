package arena

import (
	"context"
	"errors"
)

// originJSON is the Origin of answers from the JSON files.
const originJSON = "json"

// AnswerFrom answers from another source than the store, which has the accounts of the
// default competition. What was rendered of a version of it is good for as long as it
// is of that version; who comes after a change finds it.
func (s *Service) AnswerFrom(ctx context.Context, source Source, version string, req Request) (*Answer, error) {
	v, err := viewOf(req)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(v, scope{keys: s.keys}, req)
	if err != nil {
		return nil, err
	}
	if req.Format != "" {
		return s.downloaded(ctx, source, v, req, originJSON)
	}
	of := origin{originJSON, s.keys.TTL(v.MaxAge)}
	req.Competition = ""
	paged := v.Paged && req.page() != ""
	if req.FromMarker > 0 || paged {
		// For a client that is ahead, and for cursors; any other needs no database.
		if req.Competition, err = s.Competition(ctx, ""); err != nil && (paged || !errors.Is(err, ErrUnavailable)) {
			return nil, err
		}
		version += "@" + req.Competition
	}
	name := "json:" + key.Name
	if last, ok := s.known.GetIfPresent(name); ok && last.version == version {
		return last.rendering.answer(of), nil
	}
	key = s.keys.Own(key.Family, name+"@"+version, key.TTL)
	document := through(s.o.Cache, key, func(ctx context.Context) (*rendering, error) {
		return s.load(ctx, source, v, req)
	})
	r, err := document.fetch(ctx)
	if err != nil {
		return nil, err
	}
	s.known.Set(name, known{rendering: r, at: s.o.Now(), version: version})
	return r.answer(of), nil
}
