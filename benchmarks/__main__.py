"""`python -m benchmarks [mapping] [memory] [loading] [publishing]`: all of them without names; some minutes.

What serves queries is measured by `benchmarks.sparql`, `benchmarks.queries` and `benchmarks.hostile`.
"""

import argparse
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks import loading, mapping, publishing


def main() -> None:
    """Measure what is named, and print one line of a table for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mapping, memory, loading or publishing; default: all")
    parser.add_argument("--records", nargs="*", type=Path, default=[], help="for mapping: files and folders of records")
    parser.add_argument("--xslt", type=Path, help="for mapping: the XSLT of GeoDCAT-AP, run through saxonche")
    asked = parser.parse_args()
    measurements = {
        "mapping": lambda: mapping.measure(asked.records, asked.xslt),
        "memory": mapping.measure_memory,
        "loading": loading.measure,
        "publishing": publishing.measure,
    }
    if unknown := [name for name in asked.names if name not in measurements]:
        parser.error(f"there is no measurement '{unknown[0]}'; there are {', '.join(measurements)}")
    print(
        f"pyoxigraph and oxigraph {version('pyoxigraph')}, lxml {version('lxml')}, Python {platform.python_version()}\n"
    )
    print("| What | Figure | Ratio to the peer, same run |\n|---|---|---|")
    for name in asked.names or list(measurements):
        for what, figure, ratio in measurements[name]():
            print(f"| {what} | {figure} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
