/** Where the client takes its tokens from, and when. */

import assert from "node:assert/strict";

import { createRoom, getToken, publish, until } from "./server.mjs";
import { cameBack, enter, heard, isOpen, make, Refused, test } from "./stage.mjs";

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
  const kept = refused.publish("never");
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
      // Long enough that a busy machine refreshes it in time.
      return getToken(name, "ann", 4);
    },
  });
  await until("two refreshes", () => asked.length >= 3);
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

test("a token that no socket takes is asked for anew", async () => {
  const name = await createRoom();
  const tokens = ["no token at all"];
  const ann = make(name, { token: () => tokens.pop() ?? getToken(name, "ann") });
  ann.connect();
  await isOpen(ann);
  assert.equal(ann.states.filter((state) => state.name === "waiting").length, 1);
});
