/**
 * Generates models from the AsyncAPI document on standard input, and writes those in TypeScript
 * into the folder that is named. Prints what was generated: code by language and model.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GoGenerator, PythonGenerator, TypeScriptGenerator } from "@asyncapi/modelina";
import { Parser } from "@asyncapi/parser";

const [folder] = process.argv.slice(2);
const { document } = await new Parser().parse(readFileSync(0, "utf8"));

/** Modelina lists what a language has no word for as well, such as unions in Python: empty. */
function byName(models) {
  const rendered = models.filter(({ result }) => result);
  return Object.fromEntries(rendered.map(({ modelName, result }) => [modelName, result]));
}

const typescript = new TypeScriptGenerator({ moduleSystem: "ESM" });
const made = {
  typescript: byName(await typescript.generateCompleteModels(document, { exportType: "named" })),
  python: byName(await new PythonGenerator().generate(document)),
  go: byName(await new GoGenerator().generate(document)),
};
for (const [name, code] of Object.entries(made.typescript)) {
  writeFileSync(join(folder, `${name}.ts`), code);
}
console.log(JSON.stringify(made));
