/** Socket.IO on Node.js, with its rooms. */

import { createServer } from "node:http";

import { Server } from "socket.io";

const http = createServer();
const io = new Server(http);

io.on("connection", (socket) => {
  const { room } = socket.handshake.query;
  socket.join(room);
  socket.on("message", (text) => io.to(room).emit("message", text));
});

http.listen(Number(process.argv[2]), "127.0.0.1");
