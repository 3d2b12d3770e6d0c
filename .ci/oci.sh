#!/usr/bin/env bash
# Checks OCI image layouts against tools that others wrote.
#
#   .ci/oci.sh DIRECTORY           checks one layout
#   .ci/oci.sh COMMAND ARGUMENT... runs a command that writes a layout to LINEAL_OCI_OUT, checks it, and runs the command
#                                  again with LINEAL_OCI_IN: the layouts that the tools made, `DIRECTORY:TAG` a line
#
# oras and olot come from PyPI into a directory of their own, removed at the end; LINEAL_OCI_PACKAGES names a directory to
# keep them in instead. If they cannot be installed that is a line `SKIPPED: ...`, and with CI=true a failure. skopeo is
# asked as well where it is installed.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: $0 DIRECTORY | COMMAND [ARGUMENT...]" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/lineal-oci.XXXXXX")
packages=${LINEAL_OCI_PACKAGES:-$work/packages}
trap 'rm -rf "$work"' EXIT
made=()

skip() {
  echo "SKIPPED: $1"
  if [ "${CI:-}" = true ]; then exit 1; fi
}

have_python() {
  [ -x "$packages/bin/python" ] || python3 -m venv "$packages" || return 1
  "$packages/bin/python" -c 'import olot, oras' 2>/dev/null ||
    "$packages/bin/python" -m pip install --quiet --disable-pip-version-check oras==0.2.43 olot==1.2.1 2>"$work/pip.log"
}

check() { # LAYOUT
  local layout=$1 tag tags
  # No __pycache__ in the tree.
  tags=$(PYTHONDONTWRITEBYTECODE=1 "$packages/bin/python" "$here/oci_check.py" check "$layout") || return 1
  [ -n "$tags" ] || { echo "$layout has no tag"; return 1; }
  command -v skopeo >/dev/null || { echo "skopeo is not installed: not asked"; return 0; }
  for tag in $tags; do
    # Bytes and digests stay as they are, in both forms that skopeo writes.
    skopeo inspect --raw "oci:$layout:$tag" >"$work/raw"
    skopeo copy --quiet --preserve-digests "oci:$layout:$tag" "dir:$work/dir-$tag"
    cmp "$work/raw" "$work/dir-$tag/manifest.json"
    skopeo copy --quiet --preserve-digests "oci:$layout:$tag" "oci:$work/skopeo:$tag"
    made+=("$work/skopeo:$tag")
    echo "skopeo $(skopeo --version | awk '{ print $3 }') copied $tag"
  done
}

if ! have_python; then
  [ ! -s "$work/pip.log" ] || tail -n 3 "$work/pip.log"
  skip "oras and olot cannot be installed from PyPI"
  exit 0
fi
if [ $# -eq 1 ] && [ -d "$1" ]; then
  check "$1"
  exit 0
fi
LINEAL_OCI_OUT=$work/ours "$@"
[ -e "$work/ours/index.json" ] || { echo "the command wrote no layout to LINEAL_OCI_OUT"; exit 1; }
check "$work/ours"
PYTHONDONTWRITEBYTECODE=1 "$packages/bin/python" "$here/oci_check.py" make "$work/olot"
made+=("$work/olot:")
LINEAL_OCI_IN=$(printf '%s\n' "${made[@]}") "$@"
