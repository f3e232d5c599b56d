package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"nof0/internal/season"
)

// playSpeed reads --play: how many times faster than real time the season goes on, 0
// for not at all.
func (d *dev) playSpeed(cmd *cobra.Command, play string, command bool) (float64, error) {
	why := ""
	switch {
	case command:
		why = "CMD runs beside the servers alone, without a season"
	case d.empty:
		why = "an empty arena has no season that could go on; `nof0 season play` plays one into it"
	case d.cfg.SnapshotDir != "":
		why = "NOF0_SNAPSHOT_DIR names a snapshot, which what is made up would contradict"
	}
	if play == "off" || why != "" && !cmd.Flags().Changed("play") {
		return 0, nil
	}
	if why != "" {
		return 0, usageError(cmd, "--play=%s: %s", play, why)
	}
	speed, err := strconv.ParseFloat(play, 64)
	if err != nil || !(speed > 0) || math.IsInf(speed, 0) {
		return 0, usageError(cmd, "--play: %q is neither a number above 0 nor off", play)
	}
	return speed, nil
}

// greet says what to look at.
func (d *dev) greet(url string) {
	fmt.Fprintf(d.out, "open %s/ in a browser: the arena, as it happens\n", url)
	fmt.Fprintf(d.out, "operate %s/system: the inside of it, and the cutover, with the admin token above\n", url)
	if !d.empty {
		fmt.Fprintf(d.out, "try %s/api/equity?points=50: the equity curves\n", url)
	}
	if !d.empty && d.cfg.SnapshotDir == "" {
		fmt.Fprintf(d.out, "try %s/api/competitions: two seasons; ?competition=season-0 shows the one that has ended\n", url)
	}
}

// play lets the season go on until ctx ends. That it cannot stops nothing else.
func (d *dev) play(ctx context.Context, url string) {
	there, found, err := season.Find(ctx, url, d.season.Seed)
	if err == nil && found {
		fmt.Fprintf(d.err, "the season that began at %s goes on from %s at %g times real time; --play=off leaves it as it is\n",
			moment(there.Options.Start), moment(there.Since), d.speed)
		var played season.Played
		played, err = season.Continue(ctx, there, season.PlayOptions{
			URL: url, Token: d.cfg.IngestToken, Speed: d.speed, Seed: d.season.Seed, Run: there.Since.String(),
			KeepTrying: math.MaxInt64,
		})
		for _, r := range played.Rejections {
			fmt.Fprintf(d.err, "refused %s of %q %q: %d %s\n", r.Kind, r.Model, r.ID, r.Status, r.Reason)
		}
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	hint := ""
	if errors.Is(err, season.ErrOtherData) {
		hint = "; --play=off says that it is not meant to"
	}
	fmt.Fprintf(d.err, "the season does not go on: %s%s\n", err, hint)
}
