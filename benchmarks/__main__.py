"""`python -m benchmarks [mapping] [loading] [serving]`: all of them without names; about two minutes."""

import platform
import sys
from importlib.metadata import version

from benchmarks import loading, mapping, serving

_MEASUREMENTS = {"mapping": mapping.measure, "loading": loading.measure, "serving": serving.measure}


def main() -> None:
    """Measure what is named, and print one line of a table for each figure."""
    names = sys.argv[1:] or list(_MEASUREMENTS)
    print(
        f"pyoxigraph and oxigraph {version('pyoxigraph')}, lxml {version('lxml')}, Python {platform.python_version()}\n"
    )
    print("| What | Figure | Ratio to the peer, same run |\n|---|---|---|")
    for name in names:
        for what, figure, ratio in _MEASUREMENTS[name]():
            print(f"| {what} | {figure} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
