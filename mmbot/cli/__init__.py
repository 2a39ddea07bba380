"""The command line: one file a command, each thin; errors are one sentence on standard error."""

import sys
from collections.abc import Sequence

import typer

from mmbot.app import ExitCode, exit_code
from mmbot.cli import demo, paper, run
from mmbot.errors import MMBotError

app = typer.Typer(
    name="mmbot",
    help="Makes markets: quotes around spot + basis + skew, hedges on spot, settles flat.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("demo")(demo.demo)
app.command("paper")(paper.paper)
app.command("run")(run.run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(args=words or ["--help"], standalone_mode=False)
    except typer.Exit as ended:
        return ended.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.FAILED
    except MMBotError as error:
        return _say(str(error), exit_code(error))
    except OSError as error:
        return _say(str(error), ExitCode.FAILED)
    except Exception as error:
        # What typer raises for a wrong option; some of its versions carry a click of their own.
        words_of = getattr(error, "format_message", None)
        if words_of is None:
            raise
        return _say(words_of(), ExitCode.USAGE)
    return int(code or 0)


def _say(words: str, code: ExitCode) -> int:
    sys.stderr.write(f"mmbot: {' '.join(words.split())}\n")
    return code
