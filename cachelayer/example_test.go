package cachelayer_test

import (
	"context"
	"errors"
	"fmt"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/catalogue"
)

type prices map[string]float64

func Example() {
	ctx, cfg := context.Background(), config.Default()

	// Without a Redis URL there is the level in this process, and loads.
	client, err := cachelayer.Open("", cfg.Redis, cachelayer.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	cache, err := cachelayer.New(client, cfg.Cache, cachelayer.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cache.Close()
	keys := cachelayer.NewKeys(cfg.Cache)

	view := catalogue.ViewOf(catalogue.ViewCryptoPrices)
	key, err := keys.View(&view, "", "")
	if err != nil {
		fmt.Println(err)
		return
	}

	// A read: the load runs on a miss only.
	btc := 110_000.5
	load := func(context.Context) (prices, error) {
		fmt.Println("loading")
		return prices{"BTC": btc}, nil
	}
	for range 2 {
		got, err := cachelayer.Fetch(ctx, cache, key, load)
		fmt.Println(got["BTC"], err)
	}

	// A write: after the commit, invalidate what it changed.
	btc = 111_000.25
	if err := cache.Invalidate(ctx, catalogue.LatestPrices.Whole()); err != nil {
		fmt.Println(err)
		return
	}
	got, err := cachelayer.Fetch(ctx, cache, key, load)
	fmt.Println(got["BTC"], err)

	// What is not there is remembered as well.
	key, err = keys.Projection(catalogue.ProjectionDecision, "nobody")
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		_, err = cachelayer.Fetch(ctx, cache, key, func(context.Context) (string, error) {
			fmt.Println("looking")
			return "", fmt.Errorf("no decision: %w", cachelayer.ErrAbsent)
		})
		fmt.Println(errors.Is(err, cachelayer.ErrAbsent))
	}
	// Output:
	// loading
	// 110000.5 <nil>
	// 110000.5 <nil>
	// loading
	// 111000.25 <nil>
	// looking
	// true
	// true
}
