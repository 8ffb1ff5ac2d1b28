/** What the client makes of each close. */

import assert from "node:assert/strict";

import { createRoom, getToken, until } from "./server.mjs";
import { cameBack, closes, enter, findClose, NotSent, test } from "./stage.mjs";

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
    const { name: state, closing, until: when, at } = ann.states[2];
    assert.equal(closing.code, close.code);
    assert.deepEqual(closing.row, close);
    const words = pending.map((text) => JSON.parse(text));
    assert.equal(words.at(-1)?.type ?? null, close.lastWords);
    if (close.advice === "STOP") {
      assert.equal(state, "closed");
      await assert.rejects(ann.publish("late"), NotSent);
      return;
    }
    assert.equal(state, "waiting");
    const delay = when - at;
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
  assert.equal(findClose(1011, "keepalive ping timeout").name, "NO_PONG");
  assert.equal(findClose(1011, "Internal error").name, "INTERNAL_ERROR");
});
