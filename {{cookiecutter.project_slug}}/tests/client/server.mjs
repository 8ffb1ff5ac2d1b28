/** The running service, as these tests steer it: over HTTP, and by a way to it that can fail. */

import net from "node:net";

const { ADDRESS, API_KEY } = process.env;

async function call(method, path, body) {
  const response = await fetch(`http://${ADDRESS}${path}`, {
    method,
    headers: { Authorization: `Bearer ${API_KEY}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) {
    throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  }
  return response.status === 204 ? null : response.json();
}

let rooms = 0;

/** Create a room, as each test has one of its own. */
export async function createRoom(options = {}) {
  const name = `room-${process.pid}-${++rooms}`;
  await call("POST", "/rooms", { name, ...options });
  return name;
}

export const deleteRoom = (room) => call("DELETE", `/rooms/${room}`);
export const removeMember = (room, user) => call("DELETE", `/rooms/${room}/members/${user}`);
export const publish = (room, body) => call("POST", `/rooms/${room}/messages`, { body });

export async function getToken(room, user, ttl = 60) {
  return (await call("POST", `/rooms/${room}/tokens`, { user, ttl })).token;
}

export const urlOf = (room, address = ADDRESS) => `ws://${address}/ws/${room}`;

/** A way to the service that can be cut, stalled and made deaf, and take no large messages. */
export class Way {
  #pairs = new Set();
  #server = net.createServer((client) => this.#join(client));
  #open = true;
  // Whether what the service says is lost.
  deaf = false;
  // The most bytes that pass at once, and what happens at more.
  longest = Infinity;
  onLonger = () => this.drop();

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.address = `127.0.0.1:${this.#server.address().port}`;
    return this;
  }

  #join(client) {
    if (!this.#open) {
      client.destroy();
      return;
    }
    const [host, port] = ADDRESS.split(":");
    const service = net.connect(Number(port), host);
    const pair = [client, service];
    this.#pairs.add(pair);
    client.on("data", (data) => {
      if (data.length > this.longest) {
        this.onLonger();
      } else {
        service.write(data);
      }
    });
    service.on("data", (data) => this.deaf || client.write(data));
    for (const end of pair) {
      end.on("error", () => {});
      end.on("close", () => {
        pair.forEach((one) => one.destroy());
        this.#pairs.delete(pair);
      });
    }
  }

  /** Cut all connections, and let nobody through until `mend`. */
  cut() {
    this.#open = false;
    this.drop();
  }

  /** Cut all connections. */
  drop() {
    [...this.#pairs].flat().forEach((end) => end.destroy());
  }

  /** Tell all clients what the service did not say. */
  say(frame) {
    const text = Buffer.from(JSON.stringify(frame));
    [...this.#pairs].forEach(([client]) => client.write(Buffer.from([0x81, text.length, ...text])));
  }

  mend() {
    this.#open = true;
    this.deaf = false;
    this.longest = Infinity;
  }

  /** Keep all connections, and pass nothing on. */
  stall() {
    [...this.#pairs].flat().forEach((end) => end.pause());
  }

  close() {
    this.cut();
    this.#server.close();
  }
}

/** Wait until a room's log has a message, whoever heard of it. */
export const isSaid = (room, body) =>
  until(`${body} to be said`, async () => {
    const { messages } = await call("GET", `/rooms/${room}/messages`);
    return messages.some((message) => message.body === body);
  });

/** Wait for a condition; say what was waited for in vain. */
export async function until(what, condition, limit = 10_000) {
  const deadline = Date.now() + limit;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`waited ${limit} ms for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
