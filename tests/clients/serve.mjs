// Makes each visit that a line of the standard input describes; prints what was reported.
import { createInterface } from "node:readline";

export async function serve(begin, finish) {
  for await (const line of createInterface({ input: process.stdin })) {
    const first = await begin(JSON.parse(line));
    console.log(JSON.stringify(first));
    if (first === "welcome") {
      console.log(JSON.stringify(await finish()));
    }
  }
}
