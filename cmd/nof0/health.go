package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nof0/internal/apiclient"
)

func (c *cli) healthCommand() *cobra.Command {
	var url string
	var ready bool
	within := 3 * time.Second
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server whether it is well, for images without a shell",
		Long: `Ask a server whether its process is alive (/healthz), or with --ready whether requests
should go there (/readyz), and print what it answers. Exit status 1 where it does not
answer 200 in time.`,
		Example: example("nof0 health", "nof0 health --ready --url http://10.0.0.7:8888"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if url == "" {
				cfg, _, err := c.start()
				if err != nil {
					return err
				}
				url = urlHere(cfg.HTTP.Addr)
			}
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), within)
			defer cancel()
			res, err := apiclient.Client{URL: url}.Do(ctx, http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.out, strings.TrimSpace(string(res.Body)))
			if res.StatusCode != http.StatusOK {
				return &exitError{code: 1}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "the server (default http.addr of the configuration, on this machine)")
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether requests should go there")
	cmd.Flags().DurationVar(&within, "timeout", within, "how long to wait")
	return cmd
}

// urlHere returns where a server that listens on addr is reached on its own machine.
func urlHere(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
