"""`lmi-deploy completion`: the script that makes a shell complete commands and profiles."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, ShellComplete, get_completion_class


class Bash(BashComplete):
    """click's script, made to complete `git:main` as one word, which bash cuts at the colon."""

    source_template = r"""
%(complete_func)s() {
    local IFS=$'\n' index completion type value words=() current=0 cut=

    for index in "${!COMP_WORDS[@]}"; do
        if (( ${#words[@]} )) && [[ ${COMP_WORDS[index]} == :* || ${words[-1]} == *: ]]; then
            words[-1]+=${COMP_WORDS[index]}
        else
            words+=("${COMP_WORDS[index]}")
        fi
        if (( index == COMP_CWORD )); then
            current=$(( ${#words[@]} - 1 ))
            break
        fi
    done
    # What bash puts in stands behind the last colon.
    if [[ $COMP_WORDBREAKS == *:* && ${words[current]} == *:* ]]; then
        cut=${words[current]%%"${words[current]##*:}"}
    fi

    COMPREPLY=()
    for completion in $(env COMP_WORDS="${words[*]}" COMP_CWORD=$current \
        %(complete_var)s=bash_complete $1); do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$cut"}") ;;
        esac
    done
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *: ]]; then
        compopt -o nospace
    fi
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of SHELL.

    For bash, in ~/.bashrc: eval "$(lmi-deploy completion bash)"
    """
    from lmi_deployer.cli import cli

    kind: type[ShellComplete] | None = Bash if shell == "bash" else get_completion_class(shell)
    assert kind is not None  # click ships all three
    script = kind(cli, {}, "lmi-deploy", "_LMI_DEPLOY_COMPLETE")
    click.echo(script.source())
    return 0
