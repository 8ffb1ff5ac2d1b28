// faye-websocket of npm, which has most of the W3C's interface.
import { createRequire } from "node:module";
import "./w3c.js";
import { serve } from "./serve.mjs";

const { Client } = createRequire(`${process.argv[2]}/`)("faye-websocket");

globalThis.WebSocket = class extends Client {
  constructor(url, options) {
    const { protocols, headers } = Array.isArray(options) ? { protocols: options } : options;
    super(url, protocols, { headers });
  }

  send(data) {
    super.send(typeof data === "string" ? data : Buffer.from(data));
  }
};

serve(globalThis.begin, globalThis.finish);
