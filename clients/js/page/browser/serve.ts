// The real server on free ports, for tests in a browser. In: how to start it. Out: its addresses,
// what it says, and its end.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

/** Where `cargo build` puts the server, from the folder of the package. */
const BINARY = process.env["SERVER_BINARY"] ?? "../../target/debug/steadfast";

/** A running server. */
export interface Served {
  /** The address of the public port. */
  readonly clients: string;
  /** The address of the internal port. */
  readonly backends: string;
  /** The lines that it has logged. */
  readonly log: string[];
  end(): Promise<void>;
}

/** `steadfast serve` with these arguments. */
export async function serve(more: readonly string[]): Promise<Served> {
  const [clients, backends] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const args = ["serve", ...more, "--listen", clients, "--internal", backends];
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("STEADFAST_")),
  );
  const server = spawn(BINARY, args, { stdio: ["ignore", "ignore", "pipe"], env });
  const log: string[] = [];
  const lines = createInterface(server.stderr);
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      log.push(line);
      if (line.includes("backends")) resolve();
    });
    lines.once("close", () => reject(new Error(`the server ended: ${log.join("\n")}`)));
  });
  const end = async (): Promise<void> => {
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  };
  return { clients, backends, log, end };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  const port = typeof address === "object" && address ? address.port : 0;
  probe.close();
  await once(probe, "close");
  return port;
}
