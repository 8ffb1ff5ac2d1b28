// ws of npm, its events.
import { createRequire } from "node:module";
import { serve } from "./serve.mjs";

const WebSocket = createRequire(`${process.argv[2]}/`)("ws");
let ended;

function send(socket, frames) {
  for (const [kind, text, times] of frames) {
    const bytes = kind === "invalid" ? Buffer.from([0xff]) : Buffer.from(text.repeat(times));
    socket.send(bytes, { binary: kind === "binary" });
  }
}

function begin({ url, protocols, origin, at_open, at_welcome, leave }) {
  const socket = new WebSocket(url, protocols, origin ? { origin } : {});
  const report = { told: "", code: null, reason: null, clean: null, status: null, heard: [] };
  const tell = (event) => (report.told = `${report.told} ${event}`.trim());
  socket.on("open", () => send(socket, at_open));
  socket.on("unexpected-response", (_, { statusCode }) => {
    report.status = statusCode;
    tell("unexpected-response");
    socket.terminate();
  });
  socket.on("error", () => tell("error"));
  const welcomed = new Promise((resolve) => {
    socket.on("message", (data) => {
      report.heard.push(JSON.parse(data).type);
      if (report.heard.length === 1 && report.heard[0] === "welcome") {
        resolve("welcome");
        send(socket, at_welcome);
        if (leave) {
          socket.close(1000, "bye");
        }
      }
    });
  });
  ended = new Promise((resolve) => {
    socket.on("close", (code, reason) => {
      tell("close");
      resolve({ ...report, code, reason: String(reason) });
    });
  });
  return Promise.race([welcomed, ended]);
}

serve(begin, () => ended);
