package arena

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// longestLine is how many writes of one model may wait for each other in this
// process; more would only wait to be refused.
const longestLine = 256

// lines let the writes of one model through one after the other. The database
// would do the same, with a connection for each that waits.
type lines struct {
	mu      sync.Mutex
	byModel map[string]*line
}

// line is the writes of one model: the one that has the turn, and those that wait.
type line struct {
	turn chan struct{}
	in   int
}

// wait takes the turn of each of the models, which stand in one order, and returns
// what hands all of them on. The error wraps ErrBusy.
func (l *lines) wait(ctx context.Context, models []string, atMost time.Duration) (next func(), err error) {
	var taken []string
	next = func() {
		for _, model := range taken {
			l.leave(model, true)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	for _, model := range models {
		turn, err := l.join(model)
		if err != nil {
			next()
			return nil, err
		}
		select {
		case turn <- struct{}{}:
			taken = append(taken, model)
		case <-ctx.Done():
			l.leave(model, false)
			next()
			return nil, fmt.Errorf("%w: the writes of %s before this one have not ended within %v", ErrBusy, model, atMost)
		}
	}
	return next, nil
}

func (l *lines) join(model string) (turn chan<- struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.byModel[model]
	if one == nil {
		one = &line{turn: make(chan struct{}, 1)}
		if l.byModel == nil {
			l.byModel = map[string]*line{}
		}
		l.byModel[model] = one
	}
	if one.in >= longestLine {
		return nil, fmt.Errorf("%w: %d writes of %s wait for each other already", ErrBusy, one.in, model)
	}
	one.in++
	return one.turn, nil
}

func (l *lines) leave(model string, hadTurn bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.byModel[model]
	if hadTurn {
		<-one.turn
	}
	if one.in--; one.in == 0 {
		delete(l.byModel, model)
	}
}
