"""Answers what `.ci/run` asks about the workspace, from `cargo metadata`.

    packages.py features PACKAGE    its features except `default`, one a line
    packages.py examples PACKAGE    its examples, one a line: NAME FEATURE,FEATURE (the features it requires)
"""

import json
import subprocess
import sys


def package(name):
    command = ["cargo", "metadata", "--no-deps", "--locked", "--format-version", "1"]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    for each in packages:
        if each["name"] == name:
            return each
    sys.exit(f"the workspace has no package {name}")


def main(arguments):
    match arguments:
        case ["features", name]:
            for feature in sorted(package(name)["features"]):
                if feature != "default":
                    print(feature)
        case ["examples", name]:
            for target in package(name)["targets"]:
                if "example" in target["kind"]:
                    print(target["name"], ",".join(target.get("required-features", [])))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
