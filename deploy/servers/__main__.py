"""`python -m deploy.servers up|down|status|env|kill NAME|start NAME`."""

import argparse
import sys

from deploy.servers import fleet
from deploy.servers.base import ServerError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.servers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="fetch what is missing and start all servers")
    commands.add_parser("down", help="stop all servers")
    commands.add_parser("status", help="say which servers run; status 1 if one does not")
    commands.add_parser("env", help="print the settings by which services find them")
    for name, does in (("kill", "kill one server at once"), ("start", "start one server")):
        commands.add_parser(name, help=does).add_argument("name", choices=_names())
    options = parser.parse_args(arguments)
    try:
        return _do(options.command, getattr(options, "name", ""))
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _do(command: str, name: str) -> int:
    match command:
        case "up":
            fleet.up(_say)
        case "down":
            fleet.down(_say)
        case "kill":
            fleet.kill_now(name)
        case "start":
            fleet.start(name, _say)
        case "env":
            for key, value in fleet.environment().items():
                print(f"{key}={value}")
        case _:
            words = fleet.status()
            for server, state in words.items():
                print(f"{server}: {state}")
            return 0 if all(state.startswith("up") for state in words.values()) else 1
    return 0


def _names() -> list[str]:
    return [server.name for server in fleet.SERVERS]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
