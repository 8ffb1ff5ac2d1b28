/** How the client comes back, and what it then makes up for. */

import assert from "node:assert/strict";

import { createRoom, isSaid, publish, until } from "./server.mjs";
import { cameBack, enter, heard, isOpen, make, NotSent, test, way } from "./stage.mjs";

test("who was away misses nothing and hears nothing twice", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  await publish(name, "before");
  await heard(ann, ["before"]);
  way.cut();
  await until("the loss to be noticed", () => ann.state.name === "waiting");
  const waiting = ann.states.find((state) => state.name === "waiting");
  assert.equal(waiting.closing.code, 1006);
  assert.ok(waiting.until > waiting.at - 100);
  await publish(name, "missed");
  const sent = ann.publish("kept");
  way.mend();
  await sent;
  await heard(ann, ["before", "missed", "kept"]);
  assert.equal(ann.welcomes.at(-1).recovered, true);
});

test("a newcomer gets the last messages, and so does who was away for too long", async () => {
  const name = await createRoom();
  for (const body of ["one", "two", "three"]) {
    await publish(name, body);
  }
  const ann = await enter(name, { last: 2 });
  await heard(ann, ["two", "three"]);
  way.cut();
  await publish(name, "missed");
  way.mend();
  await heard(ann, ["two", "three", "missed"]);
  assert.equal(ann.welcomes.at(-1).recovered, true);
  way.cut();
  // More than the service's log keeps in these tests.
  for (let number = 0; number < 12; number++) {
    await publish(name, number);
  }
  way.mend();
  await heard(ann, ["two", "three", "missed", 10, 11]);
  assert.equal(ann.welcomes.at(-1).recovered, false);
});

test("a lost receipt comes with what was missed, and nothing is said twice", async () => {
  const name = await createRoom();
  const ann = await enter(name);
  const bea = await enter(name, { user: "bea" });
  way.deaf = true;
  const sent = ann.publish("once");
  await isSaid(name, "once");
  way.drop();
  way.mend();
  assert.notEqual((await sent).position, null);
  await bea.publish("end");
  await heard(ann, ["once", "end"]);
  await cameBack(bea);
  await heard(bea, ["once", "end"]);
});

test("a lost receipt that can't come any more is told by a pong", async () => {
  const name = await createRoom();
  const ann = await enter(name, { patience: 300 });
  way.deaf = true;
  const sent = ann.publish("once", { id: "x" });
  await isSaid(name, "once");
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
  const sent = guest.publish("once");
  await isSaid(name, "once");
  way.drop();
  way.mend();
  assert.notEqual((await sent).position, null);
  assert.notEqual(guest.welcomes[0].user, guest.welcomes[1].user);
  const kept = guest.publish("next");
  way.cut();
  await until("the loss to be noticed", () => guest.state.name !== "open");
  way.mend();
  await kept;
  await cameBack(bea);
  await bea.publish("end");
  assert.deepEqual(
    bea.bodies.filter((body) => body !== "next"),
    ["once", "end"],
  );
  assert.equal(bea.bodies.filter((body) => body === "next").length, 1);
});

test("a guest with another name says nothing before it heard what it missed", async () => {
  const name = await createRoom();
  const guest = await enter(name, { token: undefined });
  const bea = await enter(name, { user: "bea" });
  way.deaf = true;
  const sent = guest.publish("once");
  await isSaid(name, "once");
  let next;
  guest.on("state", (state) => state.name === "open" && (next = guest.publish("next")));
  way.drop();
  way.mend();
  await sent;
  await next;
  await cameBack(bea);
  await heard(bea, ["once", "next"]);
});

test("a guest who leaves at once on its return stays away", async () => {
  const guest = await enter(await createRoom(), { token: undefined, patience: 200 });
  guest.on("welcome", () => guest.close());
  way.drop();
  await until("the end", () => guest.state.name === "closed");
  // Longer than it has patience.
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(guest.states.at(-1), guest.states.find((state) => state.name === "closed"));
});

test("a message that is unavailable now is not sent again at once", async () => {
  const ann = await enter(await createRoom(), { firstDelay: 60_000 });
  const frames = [];
  let ref;
  ann.on("frame", ({ text }) => {
    const frame = JSON.parse(text);
    frames.push(frame.type);
    ref = frame.ref;
  });
  way.deaf = true;
  const sent = ann.publish("x", { id: "x" });
  way.say({ type: "error", code: "unavailable", id: "x" });
  way.say({ type: "pong", ref });
  await until("the pong", () => frames.includes("pong"));
  assert.deepEqual(frames, ["message", "ping", "error", "pong"]);
  ann.close();
  await assert.rejects(sent, NotSent);
});

test("an answer that takes its time does not end a connection that lives", async () => {
  const ann = await enter(await createRoom(), { patience: 1_000 });
  const refs = [];
  ann.on("frame", ({ sent, text }) => {
    const { type, ref } = JSON.parse(text);
    if (sent && type === "ping") {
      refs.push(ref);
      // A handler of the service's holds up all but signs of life.
      setTimeout(() => ref ?? way.say({ type: "pong" }), 20);
    }
  });
  way.deaf = true;
  const sent = ann.publish("x", { id: "x" });
  await until("the question for a sign of life", () => refs.length === 2);
  // Longer than it has patience.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  assert.equal(ann.welcomes.length, 1);
  assert.equal(ann.state.name, "open");
  assert.deepEqual([typeof refs[0], ...refs.slice(1)], ["string", undefined]);
  way.say({ type: "pong", ref: refs[0] });
  assert.equal((await sent).position, null);
});

test("what is sent again after a reload is said once", async () => {
  const name = await createRoom();
  const before = await enter(name);
  const { position } = await before.publish("once", { id: "x" });
  before.close();
  const after = make(name, { after: position });
  const again = after.publish("once", { id: "x" });
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
  const ann = await enter(name, { heartbeat: 50 });
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

test("delays grow, up to the longest", async (context) => {
  const name = await createRoom();
  // What the machine takes from a delay to the look at it does not count.
  context.mock.method(Date, "now", () => 0);
  way.cut();
  const ann = make(name, { firstDelay: 20, longestDelay: 80, patience: 100 });
  ann.connect();
  const waits = () => ann.states.filter((state) => state.name === "waiting");
  const delays = [];
  ann.on("state", ({ name: state, until: when }) => {
    if (state === "waiting") {
      delays.push(when);
    }
  });
  await until("six tries", () => waits().length === 6);
  const longest = [20, 40, 80, 80, 80, 80];
  delays.forEach((delay, number) => {
    assert.ok(delay <= longest[number], `${delays}`);
    assert.ok(delay >= longest[number] / 2, `${delays}`);
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

test("what is sent again is asked for once", async () => {
  const name = await createRoom();
  const ann = make(name);
  const sent = [1, 2, 3, 4, 5].map((body) => ann.publish(body, { id: `${body}` }));
  const frames = [];
  ann.on("frame", (frame) => frame.sent && frames.push(JSON.parse(frame.text).type));
  ann.connect();
  await Promise.all(sent);
  await until("the pong", () => frames.includes("ping"));
  assert.deepEqual(frames, [...Array(5).fill("message"), "ping"]);
});
