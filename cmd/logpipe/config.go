package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// newConfig makes the command that prints the settings with their origin.
func newConfig(app *cli.App) *cobra.Command {
	var common option.Set
	cmd := &cobra.Command{
		Use:   "config",
		Short: "print the settings and where each comes from",
		Long: "A flag stands before the environment (LOGPIPE_BROKERS for --brokers), the environment before the " +
			"configuration file, and that before the default. The file is the one of --config or " +
			"LOGPIPE_CONFIG, else $XDG_CONFIG_HOME/logpipe/config.yaml, with lines as `brokers: kafka:9092`. " +
			"Where the folder of a file that nobody named may not be entered, that is told and the file left out.",
		GroupID:               string(catalog.Run),
		Args:                  noArgs,
		DisableFlagsInUseLine: true,
		RunE: func(*cobra.Command, []string) error {
			list, err := app.ListSettings()
			if err != nil {
				return err
			}
			rows := [][]string{{"SETTING", "VALUE", "ORIGIN"}}
			for _, s := range list {
				value := s.Value
				if value == "" {
					value = "-"
				}
				rows = append(rows, []string{s.Name, fault.Visible(value), fault.Visible(s.Origin)})
			}
			return printRows(app.Out, rows)
		},
	}
	app.Shared.Common(&common)
	addShared(cmd, &common)
	return cmd
}

// printRows aligns the columns of rows.
func printRows(w io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			if i == len(row)-1 {
				b.WriteString(cell)
				continue
			}
			fmt.Fprintf(&b, "%-*s  ", widths[i], cell)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
