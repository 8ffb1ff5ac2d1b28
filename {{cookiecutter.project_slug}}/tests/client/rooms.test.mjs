/** The page's client against a running service. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test as limitless } from "node:test";
import { pathToFileURL } from "node:url";

import {
  createRoom,
  deleteRoom,
  getToken,
  publish,
  removeMember,
  until,
  urlOf,
  Way,
} from "./server.mjs";

const from = (file) => import(pathToFileURL(`${process.env.STATIC}/${file}`));
const { NotSent, Refused, Room, findClose } = await from("rooms.js");
const { closes } = await from("closes.js");

const LIMIT = 6_000;

let rooms = [];
let way;

function test(name, run) {
  limitless(name, { timeout: LIMIT }, run);
}

beforeEach(async () => {
  way = await new Way().listen();
});

afterEach(() => {
  rooms.forEach((room) => room.close());
  rooms = [];
  way.close();
});

/** A client, with all that it was told. */
function make(name, { user = "ann", ...options } = {}) {
  const room = new Room(urlOf(name, way.address), {
    token: () => getToken(name, user),
    firstDelay: 20,
    patience: 1_000,
    ...options,
  });
  rooms.push(room);
  room.bodies = [];
  room.states = [];
  room.welcomes = [];
  room.errors = [];
  room.on("message", ({ body }) => room.bodies.push(body));
  room.on("state", (state) => room.states.push(state));
  room.on("welcome", (welcome) => room.welcomes.push(welcome));
  room.on("error", (error) => room.errors.push(error));
  return room;
}

async function enter(name, options) {
  const room = make(name, options);
  room.connect();
  await isOpen(room);
  return room;
}

const isOpen = (room) => until("an open room", () => room.state.name === "open");
const cameBack = (room, times = 2) =>
  until("its return", () => room.state.name === "open" && room.welcomes.length >= times);
const heard = (room, bodies) =>
  until(`${bodies}; it heard ${room.bodies}`, () => room.bodies.length >= bodies.length).then(() =>
    assert.deepEqual(room.bodies, bodies),
  );

test("what is sent comes back, and to the others", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  const comings = [];
  ann.on("joined", ({ user }) => comings.push(`${user} in`));
  ann.on("left", ({ user }) => comings.push(`${user} out`));
  const bea = await enter(name, { user: "bea" });
  const receipt = await ann.send({ text: "hello" });
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
  const receipts = [1, 2, 3].map((body) => ann.send(body));
  assert.deepEqual(
    ann.pending.map(({ body }) => body),
    [1, 2, 3],
  );
  ann.connect();
  await Promise.all(receipts);
  assert.deepEqual(ann.bodies, [1, 2, 3]);
  assert.deepEqual(ann.pending, []);
});

test("no more is sent than the service allows", async () => {
  const name = await createRoom();
  const ann = await enter(name, { messagesPerSecond: 15 });
  const bodies = Array.from({ length: 40 }, (_, number) => number);
  await Promise.all(bodies.map((body) => ann.send(body)));
  assert.deepEqual(ann.bodies, bodies);
  assert.equal(ann.welcomes.length, 1);
});

test("who was away misses nothing and hears nothing twice", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  await publish(name, "before");
  await heard(ann, ["before"]);
  way.cut();
  await until("the loss to be noticed", () => ann.state.name === "waiting");
  assert.equal(ann.state.closing.code, 1006);
  assert.ok(ann.state.until > Date.now() - 100);
  await publish(name, "missed");
  const sent = ann.send("kept");
  way.mend();
  await sent;
  await heard(ann, ["before", "missed", "kept"]);
  assert.equal(ann.welcomes.at(-1).recovered, true);
});

test("a lost receipt comes with what was missed, and nothing is said twice", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  const bea = await enter(name, { user: "bea" });
  way.deaf = true;
  const sent = ann.send("once");
  // Long enough to be said.
  await new Promise((resolve) => setTimeout(resolve, 200));
  way.drop();
  way.mend();
  assert.notEqual((await sent).position, null);
  await bea.send("end");
  await heard(ann, ["once", "end"]);
  await cameBack(bea);
  await heard(bea, ["once", "end"]);
});

test("a lost receipt that can't come any more is told by a pong", async () => {
  const name = await createRoom();
  const ann = await enter(name, { patience: 300 });
  way.deaf = true;
  const sent = ann.send("once", { id: "x" });
  await new Promise((resolve) => setTimeout(resolve, 200));
  way.cut();
  // More than the service's log keeps in these tests.
  for (let number = 0; number < 12; number++) {
    await publish(name, number);
  }
  way.mend();
  assert.deepEqual(await sent, {
    type: "message",
    position: null,
    from: "ann",
    body: "once",
    at: null,
    id: "x",
  });
  assert.equal(ann.welcomes.at(-1).recovered, false);
  assert.deepEqual(ann.bodies, []);
});

test("a guest, who has another name each time, says it once", async () => {
  const name = await createRoom();
  const guest = await enter(name, { token: undefined });
  const bea = await enter(name, { user: "bea" });
  way.deaf = true;
  const sent = guest.send("once");
  await new Promise((resolve) => setTimeout(resolve, 200));
  way.drop();
  way.mend();
  assert.notEqual((await sent).position, null);
  assert.notEqual(guest.welcomes[0].user, guest.welcomes[1].user);
  const kept = guest.send("next");
  way.cut();
  await until("the loss to be noticed", () => guest.state.name !== "open");
  way.mend();
  await kept;
  await cameBack(bea);
  await bea.send("end");
  assert.deepEqual(
    bea.bodies.filter((body) => body !== "next"),
    ["once", "end"],
  );
  assert.equal(bea.bodies.filter((body) => body === "next").length, 1);
});

test("what is sent again after a reload is said once", async () => {
  const name = await createRoom();
  const before = await enter(name);
  const { position } = await before.send("once", { id: "x" });
  before.close();
  const after = make(name, { after: position });
  const again = after.send("once", { id: "x" });
  after.connect();
  assert.equal((await again).position, null);
  assert.deepEqual(after.bodies, []);
});

test("a dead connection is noticed", async () => {
  const name = await createRoom();
  const ann = await enter(name, { heartbeat: 100, patience: 100 });
  way.stall();
  await cameBack(ann);
  assert.ok(ann.states.some(({ closing }) => closing?.reason === "No answer"));
});

test("a connection that lives is not given up while it is silent", async () => {
  const name = await createRoom();
  const ann = await enter(name, { heartbeat: 50, patience: 500 });
  const frames = [];
  ann.on("frame", ({ text }) => frames.push(text));
  await until("pongs", () => frames.filter((text) => text.includes("pong")).length === 3);
  assert.equal(ann.welcomes.length, 1);
});

test("a service that answers nothing is left", async () => {
  const name = await createRoom();
  way.deaf = true;
  const ann = make(name, { patience: 100 });
  ann.connect();
  await until("it to wait", () => ann.state.name === "waiting");
  assert.equal(ann.state.closing.reason, "No answer");
  way.mend();
  await isOpen(ann);
});

test("delays grow, up to the longest", async () => {
  const name = await createRoom();
  way.cut();
  const ann = make(name, { firstDelay: 20, longestDelay: 80, patience: 100 });
  ann.connect();
  const waits = () => ann.states.filter((state) => state.name === "waiting");
  const delays = [];
  ann.on("state", ({ name: state, until: when }) => {
    if (state === "waiting") {
      delays.push(when - Date.now());
    }
  });
  await until("six tries", () => waits().length === 6);
  const longest = [20, 40, 80, 80, 80, 80];
  delays.forEach((delay, number) => {
    assert.ok(delay <= longest[number], `${delays}`);
    assert.ok(delay >= longest[number] / 2 - 10, `${delays}`);
  });
  way.mend();
  await isOpen(ann);
});

test("`connect` comes back at once", async () => {
  const name = await createRoom();
  const ann = await enter(name, { firstDelay: 60_000 });
  way.drop();
  await until("it to wait", () => ann.state.name === "waiting");
  ann.connect();
  await cameBack(ann);
});

for (const close of closes) {
  test(`after ${close.name} it does as the table advises: ${close.advised}`, async () => {
    const name = await createRoom();
    let tokens = 0;
    const ann = await enter(name, {
      firstDelay: 100,
      token: () => {
        tokens++;
        return getToken(name, "ann");
      },
    });
    const pending = [];
    ann.on("frame", ({ text, sent }) => sent || pending.push(text));
    ann.sendFrame({ type: "debug-close", close: close.name });
    await until("the close", () => ann.states.length > 2);
    const { name: state, closing, until: when } = ann.states[2];
    assert.equal(closing.code, close.code);
    assert.deepEqual(closing.row, close);
    const words = pending.map((text) => JSON.parse(text));
    assert.equal(words.at(-1)?.type ?? null, close.lastWords);
    if (close.advice === "STOP") {
      assert.equal(state, "closed");
      await assert.rejects(ann.send("late"), NotSent);
      return;
    }
    assert.equal(state, "waiting");
    const delay = when - Date.now();
    if (close.advice === "RETURN_AFTER_DELAY") {
      const told = words.at(-1).retry_after * 1000;
      assert.ok(Math.abs(delay - told) < 50, `${delay}, ${told}`);
      ann.connect();
    } else if (!close.advice.startsWith("AUTHENTICATE")) {
      assert.ok(delay > 0 && delay <= 100, `${delay}`);
    }
    await cameBack(ann);
    assert.equal(tokens, close.advice.startsWith("AUTHENTICATE") ? 2 : 1);
    assert.equal(ann.welcomes.at(-1).recovered, true);
  });
}

test("a close that the table does not know is a broken connection", () => {
  assert.equal(findClose(1006, ""), null);
  assert.equal(findClose(1008, "Something else"), null);
  assert.equal(findClose(1009, "whatever the library says").name, "TOO_BIG");
});

test("a second token that is refused ends it", async () => {
  const name = await createRoom();
  const ann = make(name, { token: () => "nonsense" });
  ann.connect();
  await until("the end", () => ann.state.name === "closed" && ann.states.length > 1);
  assert.equal(ann.state.closing.row.name, "TOKEN_INVALID");
  assert.equal(ann.states.filter((state) => state.name === "connecting").length, 2);
});

test("without a token where one is required it stops", async () => {
  const name = await createRoom({ password: "open sesame" });
  const ann = make(name, { token: undefined });
  ann.connect();
  await until("the end", () => ann.state.name === "closed");
  assert.equal(ann.state.closing.row.name, "TOKEN_REQUIRED");
});

test("a token source may refuse, or fail for a while", async () => {
  const name = await createRoom();
  const refused = make(name, {
    token: () => {
      throw new Refused("Wrong password");
    },
  });
  const kept = refused.send("never");
  refused.connect();
  await assert.rejects(kept, { code: "closed", message: "Wrong password" });
  assert.equal(refused.state.name, "closed");

  let failures = 2;
  const patient = make(name, {
    token: async () => {
      if (failures-- > 0) {
        throw new Error("not now");
      }
      return getToken(name, "ann");
    },
  });
  patient.connect();
  await isOpen(patient);
  assert.equal(patient.states.filter((state) => state.name === "waiting").length, 2);
});

test("a token is refreshed before it expires", async () => {
  const name = await createRoom();
  const asked = [];
  const ann = await enter(name, {
    token: () => {
      asked.push(Date.now());
      return getToken(name, "ann", 2);
    },
  });
  await new Promise((resolve) => setTimeout(resolve, 3_500));
  assert.ok(asked.length >= 3);
  assert.equal(ann.welcomes.length, 1);
  assert.equal(ann.state.name, "open");
});

test("a token that expired is replaced, and nothing is missed", async () => {
  const name = await createRoom();
  let ttl = 1;
  let fails = false;
  const ann = await enter(name, {
    token: () => {
      if (fails) {
        throw new Error("not now");
      }
      return getToken(name, "ann", ttl);
    },
  });
  fails = true;
  await until("the token to expire", () => ann.state.name === "waiting");
  assert.equal(ann.states.find((state) => state.closing)?.closing.row.name, "TOKEN_EXPIRED");
  await publish(name, "missed");
  fails = false;
  ttl = 60;
  await cameBack(ann);
  await heard(ann, ["missed"]);
});

test("what can't be said fails, and the room stays", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  await assert.rejects(ann.send("half of a pair: \ud83d"), { code: "invalid-message" });
  assert.throws(() => ann.send("hello", { id: "x".repeat(65) }), RangeError);
  assert.throws(() => ann.send(undefined), TypeError);
  assert.throws(() => ann.send(() => {}), TypeError);
  assert.equal(ann.errors[0].code, "invalid-message");
  assert.equal((await ann.send("next")).body, "next");
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
  const kept = ann.send("kept");
  await deleteRoom(name);
  way.mend();
  await assert.rejects(kept, { code: "closed", message: "Room does not exist" });
  assert.equal(ann.state.closing.row.name, "ROOM_NOT_FOUND");
});

test("who leaves is gone, and may come again", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  const kept = ann.send("on its way");
  ann.close();
  await assert.rejects(kept, NotSent);
  assert.equal(ann.state.name, "closed");
  assert.equal(ann.state.closing.code, 1000);
  assert.equal(ann.sendFrame({ type: "ping" }), false);
  await assert.rejects(ann.send("too late"), NotSent);
  ann.connect();
  await cameBack(ann);
  await ann.send("again");
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
  await ann.send(1);
  assert.equal((await failed).message, "the listener's own");
  stop();
  await ann.send(2);
  assert.deepEqual(told, [1]);
});

for (const type of ["frame", "state", "welcome", "message"]) {
  test(`a listener may close the room, on a ${type}`, async () => {
    const name = await createRoom();
    const ann = make(name);
    ann.on(type, () => ann.state.name === "connecting" || ann.close());
    ann.on("frame", () => type === "frame" && ann.close());
    const sent = ann.send("hello");
    ann.connect();
    await sent.catch(() => {});
    await until("the end", () => ann.state.name === "closed");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(ann.states.filter((state) => state.name === "connecting").length, 1);
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
      sent = ann.send("again");
    }
  });
  await removeMember(name, "ann");
  await until("the end", () => sent);
  assert.equal((await sent).body, "again");
});

test("a token that no socket takes is asked for anew", async () => {
  const name = await createRoom();
  const tokens = ["no token at all"];
  const ann = make(name, { token: () => tokens.pop() ?? getToken(name, "ann") });
  ann.connect();
  await isOpen(ann);
  assert.equal(ann.states.filter((state) => state.name === "waiting").length, 1);
});

test("what is sent again is asked for once", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  way.deaf = true;
  const sent = [1, 2, 3, 4, 5].map((body) => ann.send(body));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const frames = [];
  ann.on("frame", (frame) => frame.sent && frames.push(JSON.parse(frame.text).type));
  way.drop();
  way.mend();
  await Promise.all(sent);
  await until("the pong", () => frames.includes("ping"));
  assert.deepEqual(frames, [...Array(5).fill("message"), "ping"]);
});
