/** Prints what AsyncAPI's own parser has to say against the document on standard input. */

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const WARNING = 1;
const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
for (const { severity, message, path } of diagnostics) {
  if (severity <= WARNING) {
    console.log(`${path.join(".")}: ${message}`);
  }
}
process.exitCode = document ? 0 : 1;
