package app

import (
	"context"
	"errors"

	"nof0/config"
	"nof0/repository"
)

// pools is how many connections each kind of work has: a read never waits for
// writes, and what reports the state of the system waits for neither.
type pools struct{ reads, writes, jobs int }

// poolsOf divides postgres.max_open. Each kind has two at least: a job may need one
// while it holds another.
func poolsOf(c config.Postgres) pools {
	p := pools{writes: max(2, c.MaxOpen*3/10), jobs: max(2, c.MaxOpen/4)}
	p.reads = max(2, c.MaxOpen-p.writes-p.jobs)
	return p
}

func (a *App) openPools(ctx context.Context, observe func(ctx context.Context, repository, method string) func(*error)) error {
	c := a.cfg.Postgres
	of := poolsOf(c)
	o := storeOptions(a.cfg, observe)
	set := func(name string, n int) func(*repository.Options) {
		return func(o *repository.Options) {
			o.MaxOpen, o.MaxIdle = n, min(n, c.MaxIdle)
			o.Logger = a.logger
			o.Session = repository.Session{Name: "nof0 " + name, IdleInTransaction: c.IdleInTransaction, LockTimeout: c.LockTimeout}
		}
	}
	set("jobs", of.jobs)(&o)
	o.Session.LockTimeout = 0 // what has to be done in one order waits for its turn
	var err error
	if a.Store, err = repository.Open(ctx, o); err != nil {
		return err
	}
	a.closers = append(a.closers, a.Store.Close)
	if a.reads, err = a.Store.Beside(set("reads", of.reads)); err != nil {
		return err
	}
	a.closers = append(a.closers, a.reads.Close)
	if len(c.Replicas) > 0 {
		if a.replicas, err = a.reads.Replicas(c.Replicas, c.ReplicaWait); err != nil {
			return err
		}
		a.closers = append(a.closers, a.replicas.Close)
	}
	writes := set("writes", of.writes)
	if a.writes, err = a.Store.Beside(func(o *repository.Options) { writes(o); o.HungAfter = c.HungAfter }); err != nil {
		return err
	}
	a.closers = append(a.closers, a.writes.Close)
	return nil
}

// ready says whether requests should be sent here, and what is missing for full
// speed. While the database does not answer, there are the last known answers.
func (a *App) ready(ctx context.Context) (degraded, err error) {
	if a.draining.Load() {
		return nil, errDraining
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	err = a.Store.Ping(ctx)
	if err != nil && a.Service.Knows() {
		return errors.Join(errStale, a.redis.Usable()), nil
	}
	return a.redis.Usable(), err
}
