"""Checks that relative links in the given Markdown files lead to files that exist; prints those that do not.

    links.py FILE...
"""

import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)")


def broken(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in LINK.findall(text):
        path = target.split("#")[0]
        if path and "://" not in path and not path.startswith("mailto:") and not (page.parent / path).exists():
            yield f"{page}: {target} does not exist"


def main(names):
    found = [line for name in names for line in broken(pathlib.Path(name))]
    print(f"{len(names)} pages", *found, sep="\n")
    sys.exit(1 if found or not names else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
