"""What the Python apps share: options from the command line, and a life as long as their
standard input is open, so that none outlives the test that started it."""

import sys
import threading

PAGE = "http://page.test"


def options(**defaults):
    """`key=value` arguments over defaults; an unknown key ends the program."""
    for argument in sys.argv[1:]:
        key, _, value = argument.partition("=")
        if key not in defaults:
            sys.exit(f"{key!r} is no option; there are {', '.join(defaults)}")
        defaults[key] = value
    return defaults


def live(server):
    """Serve on `server` (of the standard library) until standard input ends."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce(server.server_port)
    sys.stdin.read()


def announce(port):
    print(f"listening 127.0.0.1:{port}", flush=True)
