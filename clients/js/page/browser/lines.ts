// What a program says on its way up. In: its output. Out: the line that was waited for; what comes
// later is thrown away.

import type { Readable } from "node:stream";

/** The first line that has `part` in it. */
export function lineWith(output: Readable, part: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    output.setEncoding("utf8");
    output.on("data", (text: string) => {
      said += text;
      const line = said.split("\n").find((one) => one.includes(part));
      if (line === undefined || !said.slice(said.indexOf(line)).includes("\n")) return;
      output.removeAllListeners("data");
      output.resume();
      resolve(line.trim());
    });
    output.once("end", () => reject(new Error(`it ended without ${part}: ${said}`)));
  });
}
