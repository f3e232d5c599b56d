package recompute

import "context"

// Once computes every account that is behind. The error joins what kept some from
// it; a run that is under way elsewhere is none.
func (j *Job) Once(ctx context.Context) error {
	_, err := j.round(ctx)
	return err
}

// Advance brings the metrics of one model up to date, in the competition that the
// store is bound to.
func (j *Job) Advance(ctx context.Context, model string) (Result, error) {
	return j.compute(ctx, j.o.Store, model, false)
}
