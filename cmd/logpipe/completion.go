package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

// newCompletion makes the command that prints completion scripts.
func newCompletion(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "completion {bash|zsh|fish|powershell}",
		Short: "print a completion script for a shell",
		Long: "bash        source <(logpipe completion bash)\n" +
			"zsh         logpipe completion zsh > \"${fpath[1]}/_logpipe\"\n" +
			"fish        logpipe completion fish > ~/.config/fish/completions/logpipe.fish\n" +
			"powershell  logpipe completion powershell | Out-String | Invoke-Expression",
		GroupID:               string(catalog.Run),
		ValidArgs:             shells,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			list := strings.Join(shells, ", ")
			if len(args) != 1 {
				return fault.Hint(fault.Usagef("say for which shell"), "one of %s", list)
			}
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(app.Out, true)
			case "zsh":
				return root.GenZshCompletion(app.Out)
			case "fish":
				return root.GenFishCompletion(app.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(app.Out)
			}
			return fault.Hint(fault.Usagef("no completion for %q", args[0]), "one of %s", list)
		},
	}
}
