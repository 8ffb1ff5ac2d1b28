/** What a room of the client says and hears, and how it ends. */

import assert from "node:assert/strict";

import { createRoom, deleteRoom, removeMember, until } from "./server.mjs";
import { cameBack, enter, heard, make, NotSent, Room, test, way } from "./stage.mjs";

test("what is sent comes back, and to the others", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  const comings = [];
  ann.on("joined", ({ user }) => comings.push(`${user} in`));
  ann.on("left", ({ user }) => comings.push(`${user} out`));
  const bea = await enter(name, { user: "bea" });
  const receipt = await ann.publish({ text: "hello" });
  assert.equal(receipt.from, "ann");
  assert.equal(receipt.position, ann.position);
  await heard(bea, [{ text: "hello" }]);
  bea.close();
  await until("bea to be gone", () => comings.length === 2);
  assert.deepEqual(comings, ["bea in", "bea out"]);
  assert.deepEqual(
    ann.states.map((state) => state.name),
    ["connecting", "open"],
  );
});

test("without a WebSocket to connect by there is no room", () => {
  assert.throws(() => new Room("ws://127.0.0.1/ws/lobby", { WebSocket: undefined }), /No WebSocket/);
});

test("what is sent before there is a connection is kept, in order", async () => {
  const name = await createRoom();
  const ann = make(name);
  const receipts = [1, 2, 3].map((body) => ann.publish(body));
  assert.deepEqual(
    ann.pending.map(({ body }) => body),
    [1, 2, 3],
  );
  ann.connect();
  await Promise.all(receipts);
  assert.deepEqual(ann.bodies, [1, 2, 3]);
  assert.deepEqual(ann.pending, []);
});

test("without `crypto`, as in Node.js 18, each message has an id of its own", async () => {
  const ann = make(await createRoom());
  const crypto = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  delete globalThis.crypto;
  try {
    void Promise.allSettled([ann.publish(1), ann.publish(2)]);
  } finally {
    Object.defineProperty(globalThis, "crypto", crypto);
  }
  const ids = ann.pending.map(({ id }) => id);
  ids.forEach((id) => assert.match(id, /^[0-9a-f]{32}$/));
  assert.equal(ids.length, 2);
});

test("no more is sent than the service allows", async () => {
  const name = await createRoom();
  const ann = await enter(name, { messagesPerSecond: 15 });
  const bodies = Array.from({ length: 40 }, (_, number) => number);
  await Promise.all(bodies.map((body) => ann.publish(body)));
  assert.deepEqual(ann.bodies, bodies);
  assert.equal(ann.welcomes.length, 1);
});

test("what can't be said fails, and the room stays", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  await assert.rejects(ann.publish("half of a pair: \ud83d"), { code: "invalid-message" });
  assert.throws(() => ann.publish("hello", { id: "x".repeat(65) }), RangeError);
  assert.throws(() => ann.publish(undefined), TypeError);
  assert.throws(() => ann.publish(() => {}), TypeError);
  assert.equal(ann.errors[0].code, "invalid-message");
  assert.equal((await ann.publish("next")).body, "next");
  assert.equal(ann.welcomes.length, 1);
});

test("the end of the room ends it", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  const bea = await enter(name, { user: "bea" });
  await removeMember(name, "bea");
  await until("bea's end", () => bea.state.name === "closed");
  assert.equal(bea.state.closing.row.name, "REMOVED");
  way.cut();
  const kept = ann.publish("kept");
  await deleteRoom(name);
  way.mend();
  await assert.rejects(kept, { code: "closed", message: "Room does not exist" });
  assert.equal(ann.state.closing.row.name, "ROOM_NOT_FOUND");
});

test("who leaves is gone, and may come again", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  const kept = ann.publish("on its way");
  ann.close();
  await assert.rejects(kept, NotSent);
  assert.equal(ann.state.name, "closed");
  assert.equal(ann.state.closing.code, 1000);
  assert.equal(ann.sendFrame({ type: "ping" }), false);
  await assert.rejects(ann.publish("too late"), NotSent);
  ann.connect();
  await cameBack(ann);
  await ann.publish("again");
});

test("a listener may stop to listen, and may fail", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  const told = [];
  const failed = new Promise((resolve) => (globalThis.reportError = resolve));
  const stop = ann.on("message", ({ body }) => {
    told.push(body);
    throw new Error("the listener's own");
  });
  await ann.publish(1);
  assert.equal((await failed).message, "the listener's own");
  stop();
  await ann.publish(2);
  assert.deepEqual(told, [1]);
});

for (const type of ["frame", "state", "welcome", "message"]) {
  test(`a listener may close the room, on a ${type}`, async () => {
    const name = await createRoom();
    const ann = make(name);
    ann.on(type, () => ann.state.name === "connecting" || ann.close());
    ann.on("frame", () => type === "frame" && ann.close());
    const sent = ann.publish("hello");
    ann.connect();
    await sent.catch(() => {});
    await until("the end", () => ann.state.name === "closed");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(ann.states.at(-1).name, "closed");
    assert.equal(ann.states.filter((state) => state.name === "closed").length, 1);
    if (type === "message") {
      assert.equal((await sent).body, "hello");
    }
  });
}

test("who is sent away may come again at once, and speak", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  let sent;
  ann.on("state", (state) => {
    if (state.name === "closed" && !sent) {
      ann.connect();
      sent = ann.publish("again");
    }
  });
  await removeMember(name, "ann");
  await until("the end", () => sent);
  assert.equal((await sent).body, "again");
});
