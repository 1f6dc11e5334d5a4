"""A command of `synth`, run in this process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from synth.cli import cli


def run(*words: object) -> Result:
    """The command's result, whatever its status; an exception is in `Result.exception`."""
    return CliRunner().invoke(cli, [str(word) for word in words])


def succeed(*words: object) -> Result:
    """The result of a command that must end well."""
    result = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def refusal(*words: object) -> str:
    """What a command that must fail says: click's message or the exception's."""
    result = run(*words)
    assert result.exit_code != 0, result.output
    return result.output + str(result.exception)
