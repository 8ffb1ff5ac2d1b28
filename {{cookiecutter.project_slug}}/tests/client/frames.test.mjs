/** Frames of the service's own: sent now or paced, and answered by their `ref`. */

import assert from "node:assert/strict";

import { createRoom, until } from "./server.mjs";
import { cameBack, enter, isOpen, make, NotSent, RequestFailed, test, way } from "./stage.mjs";

const MOVES = 120;
const sleep = (delay) => new Promise((resolve) => setTimeout(resolve, delay));

/** List what a room sends, each frame as `note` has it. */
function sentBy(room, note) {
  const frames = [];
  room.on("frame", ({ sent, text }) => sent && frames.push(note(JSON.parse(text))));
  return frames;
}

const refOf = ({ ref }) => ref;
const nameOf = ({ type, x, body }) => `${type} ${x ?? body}`;

test("sixty moves a second stay below the service's limit", async () => {
  const ann = await enter(await createRoom());
  const sent = sentBy(ann, nameOf);
  const started = Date.now();
  const receipts = [];
  for (let x = 1; x <= MOVES; x++) {
    assert.equal(ann.sendFrame({ type: "cursor", x }, { latest: true }), true);
    if (x % 12 === 0) {
      receipts.push(ann.publish(x));
    }
    await sleep(1000 / 60);
  }
  await Promise.all(receipts);
  await until("the newest", () => sent.includes(`cursor ${MOVES}`));
  const seconds = (Date.now() - started) / 1000;
  assert.equal(ann.welcomes.length, 1);
  assert.ok(sent.length >= 10 + receipts.length && sent.length <= 10 + 10 * seconds, `${sent}`);
});

test("frames that are kept leave room for a message", async () => {
  const ann = await enter(await createRoom(), { messagesPerSecond: 3 });
  const sent = sentBy(ann, nameOf);
  for (const type of ["one", "two", "three"]) {
    ann.sendFrame({ type, x: 1 }, { latest: true });
  }
  ann.sendFrame({ type: "three", x: 2 }, { latest: true });
  void ann.publish("at once");
  assert.deepEqual(sent, ["one 1", "two 1", "message at once"]);
  await until("the third", () => sent.length > 3);
  assert.equal(sent[3], "three 2");
});

test("the newest frame waits for a connection, and no other does", async () => {
  const ann = make(await createRoom());
  const sent = sentBy(ann, nameOf);
  assert.equal(ann.sendFrame({ type: "cursor", x: 1 }, { latest: true }), true);
  assert.equal(ann.sendFrame({ type: "cursor", x: 2 }, { latest: true }), true);
  assert.equal(ann.sendFrame({ type: "click", x: 3 }), false);
  ann.connect();
  await isOpen(ann);
  assert.deepEqual(sent, ["cursor 2"]);
  way.drop();
  await until("it to wait", () => ann.state.name === "waiting");
  assert.equal(ann.sendFrame({ type: "cursor", x: 4 }, { latest: true }), true);
  ann.close();
  assert.equal(ann.sendFrame({ type: "cursor", x: 5 }, { latest: true }), false);
  ann.connect();
  await cameBack(ann);
  assert.deepEqual(sent, ["cursor 2"]);
});

test("a frame that is sent at once replaces an older one that waits", async () => {
  const ann = await enter(await createRoom(), { messagesPerSecond: 1 });
  const sent = sentBy(ann, nameOf);
  ann.sendFrame({ type: "cursor", x: 1 }, { latest: true });
  ann.sendFrame({ type: "cursor", x: 2 }, { latest: true });
  assert.equal(ann.sendFrame({ type: "cursor", x: 3 }), true);
  ann.sendFrame({ type: "size", x: 4 }, { latest: true });
  await until("the last", () => sent.includes("size 4"));
  assert.deepEqual(sent, ["cursor 1", "cursor 3", "size 4"]);
});

test("a request is answered by the frame with its ref", async () => {
  const ann = await enter(await createRoom());
  const refs = sentBy(ann, refOf);
  const told = [];
  ann.on("receipt", (frame) => told.push(frame));
  way.deaf = true;
  const requests = Promise.allSettled(["buy", "buy", "sell"].map((type) => ann.request({ type })));
  assert.equal(new Set(refs).size, 3);
  way.say({ type: "error", code: "refused", detail: "No.", reason: "not-owner", ref: refs[2] });
  way.say({ type: "done", ref: refs[1] });
  way.say({ type: "receipt", price: 7 });
  way.say({ type: "receipt", price: 8, ref: refs[0] });
  const [one, two, three] = await requests;
  assert.deepEqual(one.value, { type: "receipt", price: 8, ref: refs[0] });
  assert.deepEqual(two.value, { type: "done", ref: refs[1] });
  assert.ok(three.reason instanceof RequestFailed);
  const { code, detail, reason, message } = three.reason;
  assert.deepEqual([code, detail, reason, message], ["refused", "No.", "not-owner", "No."]);
  assert.deepEqual(
    told.map(({ price }) => price),
    [7, 8],
  );
});

test("a request that the service does not know fails, and the room stays", async () => {
  const ann = await enter(await createRoom());
  await assert.rejects(ann.request({ type: "nonsense" }), { code: "invalid-message" });
  assert.equal(ann.errors[0].code, "invalid-message");
  assert.equal((await ann.request({ type: "ping" })).type, "pong");
  assert.equal(ann.welcomes.length, 1);
});

test("a request without an answer fails after its time", async () => {
  const ann = await enter(await createRoom());
  const refs = sentBy(ann, refOf);
  way.deaf = true;
  const request = ann.request({ type: "buy" }, { timeout: 50 });
  await assert.rejects(request, { code: "timeout", detail: "No answer in time." });
  const told = new Promise((resolve) => ann.on("done", resolve));
  way.say({ type: "done", ref: refs[0] });
  await told;
  assert.equal(ann.welcomes.length, 1);
});

test("a request fails when its connection ends", async () => {
  const name = await createRoom();
  const ann = make(name);
  await assert.rejects(ann.request({ type: "buy" }), { code: "not-connected" });
  ann.connect();
  await isOpen(ann);
  way.deaf = true;
  const cut = ann.request({ type: "buy" });
  way.drop();
  await assert.rejects(cut, { code: "disconnected" });
  await assert.rejects(ann.request({ type: "buy" }), { code: "not-connected" });
  way.mend();
  await cameBack(ann);
  const left = ann.request({ type: "ping" }, { timeout: Infinity });
  ann.close();
  await assert.rejects(left, { code: "disconnected" });
});

test("a message that a rule refuses fails with the reason", async () => {
  const ann = await enter(await createRoom());
  way.deaf = true;
  const refused = assert.rejects(ann.publish("hello", { id: "x" }), (error) => {
    assert.ok(error instanceof NotSent);
    assert.deepEqual([error.code, error.detail, error.reason], ["refused", "No.", "reader"]);
    return true;
  });
  way.say({ type: "error", code: "refused", detail: "No.", reason: "reader", id: "x" });
  await refused;
});
