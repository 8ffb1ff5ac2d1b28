/** What becomes of a message that ends the connection over which it is sent. */

import assert from "node:assert/strict";

import { createRoom, until } from "./server.mjs";
import { enter, heard, test, way } from "./stage.mjs";

const LARGE = "x".repeat(8_000);
const LONGEST = 4_000;
const MOST_SENDS = 8;

/** A room whose way takes no large messages, and how often one was sent. */
async function enterNarrow(options) {
  const room = await enter(await createRoom(), { longestDelay: 50, ...options });
  way.longest = LONGEST;
  const large = { sends: 0 };
  room.on("frame", ({ sent, text }) => {
    large.sends += sent && text.length > LONGEST ? 1 : 0;
    // What is sent without end comes through then, rather than to hang.
    way.longest = large.sends > MOST_SENDS ? Infinity : way.longest;
  });
  return { room, large };
}

test("a message that ends two connections in a row fails, and no other does", async () => {
  const { room, large } = await enterNarrow({ messagesPerSecond: 5 });
  const before = room.publish("before");
  const sent = room.publish(LARGE);
  const behind = [1, 2, 3].map((body) => room.publish(body));
  await assert.rejects(sent, { code: "undeliverable", message: /ended twice .* too large/ });
  await Promise.all([before, ...behind]);
  await room.publish("new");
  await heard(room, ["before", 1, 2, 3, "new"]);
  assert.equal(large.sends, 2);
});

test("each of several messages that end connections fails, after two sends", async () => {
  const { room, large } = await enterNarrow();
  const sent = [LARGE, 1, LARGE, 2].map((body) => room.publish(body));
  const settled = await Promise.allSettled(sent);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ["rejected", "fulfilled", "rejected", "fulfilled"],
  );
  await heard(room, [1, 2]);
  assert.equal(large.sends, 4);
});

test("a message survives one end, however often it then fails to connect", async () => {
  const { room, large } = await enterNarrow({ patience: 1_000 });
  way.onLonger = () => way.cut();
  const sent = room.publish(LARGE);
  const waits = () => room.states.filter(({ name }) => name === "waiting");
  await until("three failures to connect", () => waits().length > 3);
  assert.ok(waits().every(({ closing }) => closing.code === 1006));
  way.mend();
  assert.equal((await sent).body, LARGE);
  assert.equal(large.sends, 2);
});

test("a message that a connection survived is not blamed with what follows", async () => {
  const { room } = await enterNarrow();
  way.longest = 0;
  const small = room.publish("small");
  await until("it to wait", () => room.state.name === "waiting");
  way.longest = LONGEST;
  const sent = room.publish(LARGE);
  await assert.rejects(sent, { code: "undeliverable" });
  assert.equal((await small).body, "small");
});

test("two ends of which the service or the client tells a reason fail no message", async () => {
  const { room } = await enterNarrow({ patience: 1_000 });
  const ends = [
    () => room.sendFrame({ type: "debug-close", close: "INTERNAL_ERROR" }),
    () => way.drop(),
    () => way.stall(),
    () => way.drop(),
    () => way.say({ type: "error", code: "unavailable", id: room.pending[0].id }),
    () => way.drop(),
  ];
  way.onLonger = () => {
    ends.shift()();
    way.longest = ends.length > 0 ? LONGEST : Infinity;
  };
  assert.equal((await room.publish(LARGE)).body, LARGE);
  assert.deepEqual(ends, []);
});
