/** Makes programs connect by the package `ws`, as those on Node.js 18 do. */

import WebSocket from "ws";

globalThis.WebSocket = WebSocket;
