package main

import (
	"io"
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
				return bashCompletion(root, app.Out)
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

// bashWords splits the line up to the cursor into words that '=' and ':' do not
// end, as _get_comp_words_by_ref of the package bash-completion does, which is
// missing on many machines.
const bashWords = `__logpipe_words()
{
    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local line=${COMP_LINE:0:COMP_POINT} bare word joins="" i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        bare=${line#"${line%%[![:space:]]*}"}
        word=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then
            word=$bare # up to the cursor
        fi
        if ((${#words[@]})) && [[ $bare == "$line" && ( -n $joins || $word == [=:]* ) ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        joins=""
        if [[ $word == *[=:] ]]; then
            joins=1
        fi
        line=${bare#"$word"}
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=""
    if ((cword)); then
        prev=${words[cword-1]}
    fi
}

`

// bashCompletion writes the script for bash, which needs no other package.
func bashCompletion(root *cobra.Command, w io.Writer) error {
	const head, words = "__logpipe_init_completion()\n", `_get_comp_words_by_ref "$@" cur prev words cword`
	var b strings.Builder
	if err := root.GenBashCompletionV2(&b, true); err != nil {
		return err
	}
	script := strings.Replace(b.String(), words, `__logpipe_words "$@"`, 1)
	_, err := io.WriteString(w, strings.Replace(script, head, bashWords+head, 1))
	return err
}
