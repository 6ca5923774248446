#!/usr/bin/env bash
# Versions: uvicorn 0.54.0, hypercorn 0.18.0 for comparison; any Python from 3.10 on.
#
# Behaviour: at SIGTERM uvicorn shuts down in order (requests, then the app's lifespan) and then raises the signal again,
# inside of its event loop. The process is gone before asyncio cancels the tasks that are left: no `finally` and no
# `except CancelledError` of a background task runs, and the exit status is 143. At SIGINT, as by Ctrl+C, all of them run.
#
# Expected: a graceful shutdown ends tasks the same way for both signals, as hypercorn does; or the documentation says that
# tasks have to be cancelled in the lifespan.
#
# Why it matters: what works under Ctrl+C is lost under systemd, Docker and Kubernetes, which all send SIGTERM. A backend that
# does long work in `asyncio.create_task` (a job, a model's answer) and says in `finally` how it ended says nothing at each
# deployment: whoever follows it waits for ever. Mended by cancelling the tasks at the end of the lifespan and awaiting them.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --no-warn-conflicts --root-user-action=ignore --disable-pip-version-check --target packages \
  uvicorn==0.54.0 hypercorn==0.18.0
export PYTHONPATH=$folder/packages PYTHONUNBUFFERED=1

cat > app.py <<'END'
import asyncio

tasks = set()


async def work():
    try:
        print("working")
        await asyncio.sleep(60)
    finally:
        print("finally")


async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        if message["type"] == "lifespan.startup":
            tasks.add(asyncio.create_task(work()))
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
END

status=0
look() { # NAME SIGNAL EXPECTED COMMAND…
  name=$1 signal=$2 expected=$3
  shift 3
  : > said
  # A shell lets what it starts in the background ignore SIGINT; a terminal does not.
  env --default-signal=INT python3 -m "$@" > said 2> log &
  child=$!
  until grep -q working said; do
    kill -0 $child || { cat log; exit 1; }
    sleep 0.1
  done
  sleep 0.5
  kill -"$signal" $child
  code=0
  wait $child || code=$?
  seen=$(grep -c finally said || true)
  echo "$name, SIG$signal: \`finally\` of a task ran $seen time(s), exit status $code"
  [ "$seen $code" = "$expected" ] || { echo "  this has changed: it was $expected before"; status=1; }
}
look uvicorn TERM "0 143" uvicorn app:app --port 0 --log-level warning
look uvicorn INT "1 0" uvicorn app:app --port 0 --log-level warning
look hypercorn TERM "1 0" hypercorn app:app --bind 127.0.0.1:0
exit $status
