package cutover

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
)

// files is a source whose content changes under it.
type files interface {
	arena.Source
	// Version names the state of what a view is made from: what was rendered of
	// a version is good as long as the view is of that version. It costs far less
	// than the view.
	Version(view catalogue.ViewName) string
}

// answers serve each request from one side: the files, or the store.
type answers struct {
	service *arena.Service
	files   files // nil where there are none
	// modes returns the modes of a domain as this process knows them now.
	modes func(arena.Domain) arena.Modes
	// offer, where given, takes the requests of domains in ReadShadow, to compare
	// both sides beside the request. It returns at once.
	offer func(context.Context, arena.Domain, arena.Request)
	now   func() time.Time
	// moved is from when on a domain has been read from where it is.
	moved atomic.Pointer[map[arena.Domain]move]
}

// move is a change of the side that a domain is read from.
type move struct {
	toStore bool
	at      time.Time
}

// Answer implements arena.Answerer.
func (a *answers) Answer(ctx context.Context, req arena.Request) (answer *arena.Answer, err error) {
	v := catalogue.ViewOf(req.View)
	if v.StoreOnly {
		return a.service.Answer(ctx, req)
	}
	// Asked once: whatever moves meanwhile, a response is of one side.
	modes := a.modes(v.Domain)
	if modes.Read != arena.ReadStore && v.OfCompetition() && req.Competition != "" {
		held, err := a.inFiles(ctx, modes, req.Competition)
		if err != nil {
			return nil, err
		}
		if !held {
			return a.service.Answer(ctx, req)
		}
	}
	mode := modes.Read
	moved := a.movedAt(v.Domain, mode == arena.ReadStore)
	switch {
	case mode != arena.ReadStore && v.NotInFiles:
		err = &arena.NotInFilesError{Domain: v.Domain}
	case mode == arena.ReadStore:
		answer, err = a.service.Answer(ctx, req)
	case a.files == nil:
		err = fmt.Errorf("%w: %s is read from the JSON store, and this instance has no json_dir (NOF0_JSON_DIR)", arena.ErrUnavailable, v.Domain)
	default:
		answer, err = a.service.AnswerFrom(ctx, a.files, a.files.Version(req.View), req)
	}
	if err != nil {
		return nil, err
	}
	if mode == arena.ReadShadow && a.offer != nil {
		a.offer(ctx, v.Domain, req)
	}
	if answer.Modified.Before(moved) {
		answer = answer.ModifiedAt(moved)
	}
	return answer, nil
}

// inFiles reports whether the files have what is asked for of a competition that is
// named. They have the default alone; and where Postgres takes the writes, files may be
// of the default before, for as long as they have not followed.
func (a *answers) inFiles(ctx context.Context, modes arena.Modes, competition string) (bool, error) {
	if modes.Write != arena.WriteJSON {
		return false, nil
	}
	is, err := a.service.Competition(ctx, "")
	return is == competition, err
}

// movedAt returns since when this process reads a domain from a side; zero where it
// has not read it from the other. What the other answered meanwhile is no older than
// that.
func (a *answers) movedAt(d arena.Domain, toStore bool) time.Time {
	for {
		var known map[arena.Domain]move
		before := a.moved.Load()
		if before != nil {
			known = *before
		}
		last, ok := known[d]
		if ok && last.toStore == toStore {
			return last.at
		}
		next := move{toStore: toStore}
		if ok {
			next.at = a.now()
		}
		after := map[arena.Domain]move{}
		maps.Copy(after, known)
		after[d] = next
		if a.moved.CompareAndSwap(before, &after) {
			return next.at
		}
	}
}
