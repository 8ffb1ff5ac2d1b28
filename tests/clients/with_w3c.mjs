// The global WebSocket of Node.js or Bun.
import "./w3c.js";
import { serve } from "./serve.mjs";

serve(globalThis.begin, globalThis.finish);
