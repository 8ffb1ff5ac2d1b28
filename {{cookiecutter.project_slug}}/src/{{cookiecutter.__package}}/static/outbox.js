/** What a room's client was asked to send, until it came back or was answered. */

/**
 * @typedef {import("./rooms.js").OwnClientBody} OwnClientBody
 * @typedef {import("./rooms.js").Message} Message
 *
 * @typedef {object} Kept
 * @property {string} id
 * @property {OwnClientBody} body
 *
 * @typedef {object} Pending
 * @property {string} id
 * @property {OwnClientBody} body
 * @property {string} text
 * @property {number} sends how often it was sent
 * @property {boolean} waits whether it is yet to be sent over this connection
 * @property {boolean} suspected whether the last connection was cut while it was under way
 * @property {Promise<Message>} promise
 * @property {(message: Message) => void} resolve
 * @property {(error: Error) => void} reject
 *
 * @typedef {[Pending, number][]} SentAgain each with how often it had been sent by then
 *
 * @typedef {object} Flushed
 * @property {SentAgain} again what had been sent before
 * @property {boolean} left whether the rate keeps more from being sent
 *
 * @typedef {object} Asked
 * @property {(answer: any) => void} resolve
 * @property {(error: RequestFailed) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */

const LONGEST_ID = 64;
const LONGEST_TIMEOUT = 2 ** 31 - 1;
const UNDELIVERABLE =
  "The connection ended twice right after this message was sent: perhaps it is too large.";

/** Something that was sent failed. */
class Failure extends Error {
  /**
   * @param {string} code
   * @param {string} detail for people
   * @param {string} [reason] why a rule of the service refused it, for programs
   */
  constructor(code, detail, reason) {
    super(detail);
    this.code = code;
    this.detail = detail;
    this.reason = reason;
  }
}

/**
 * A message was refused, or can't be sent any more.
 *
 * Its `code` is `closed`, `undeliverable`, or that of the service's error.
 */
export class NotSent extends Failure {}

/**
 * A request has no answer but an error.
 *
 * Its `code` is that of the service's error, `not-connected` if nothing was sent, or `timeout` or
 * `disconnected` if nobody knows whether the service acted on it.
 */
export class RequestFailed extends Failure {}

/** Keeps messages in order, and sends them as fast as the service allows. */
export class Outbox {
  /** @type {Map<string, Pending>} */ #pending = new Map();
  // The text of the newest frame of each type.
  /** @type {Map<string, string>} */ #latest = new Map();
  /** @type {(text: string) => void} */ #transmit;
  /** @type {number} */ #rate;
  /** @type {number} */ #allowance;
  #allowedAt = Date.now();

  /**
   * @param {(text: string) => void} transmit
   * @param {number} rate messages a second, and as many at once
   */
  constructor(transmit, rate) {
    this.#transmit = transmit;
    this.#rate = this.#allowance = rate;
  }

  /**
   * What did not come back yet, in order.
   *
   * @returns {Kept[]}
   */
  get pending() {
    return [...this.#pending.values()].map(({ id, body }) => ({ id, body }));
  }

  /**
   * Keep a message until it comes back.
   *
   * @param {OwnClientBody} body
   * @param {string | undefined} given the `id` that it may have been sent with before
   * @returns {Promise<Message>}
   */
  add(body, given) {
    const before = this.#pending.get(given ?? "");
    if (before) {
      return before.promise;
    }
    if (JSON.stringify(body) === undefined) {
      throw new TypeError("The body is nothing that JSON has.");
    }
    const id = given ?? newId();
    if (id === "" || id.length > LONGEST_ID) {
      throw new RangeError(`An id has 1 to ${LONGEST_ID} characters.`);
    }
    const text = JSON.stringify({ type: "message", body, id });
    let resolve = /** @type {Pending["resolve"]} */ (() => {});
    let reject = /** @type {Pending["reject"]} */ (() => {});
    /** @type {Promise<Message>} */
    const promise = new Promise((...both) => ([resolve, reject] = both));
    const sends = given === undefined ? 0 : 1;
    const settling = { promise, resolve, reject };
    this.#pending.set(id, { id, body, text, sends, waits: true, suspected: false, ...settling });
    return promise;
  }

  /**
   * Send all that was under way again over the next connection, but fail what ended two in a row.
   *
   * Any message under way may have caused a cut, so each is suspected and then sent alone: if the
   * connection is cut again, the cause is certain.
   *
   * @param {boolean} cut whether the connection ended without a reason
   */
  rewind(cut) {
    for (const pending of this.#pending.values()) {
      if (pending.waits) {
        continue;
      }
      if (cut && pending.suspected) {
        this.#pending.delete(pending.id);
        pending.reject(new NotSent("undeliverable", UNDELIVERABLE));
      }
      pending.waits = true;
      pending.suspected = cut;
    }
  }

  /**
   * Send what waits, in order, as far as that is allowed now.
   *
   * @returns {Flushed}
   */
  flush() {
    /** @type {SentAgain} */
    const again = [];
    for (const pending of this.#pending.values()) {
      if (pending.waits) {
        if (!this.#allowed()) {
          return { again, left: true };
        }
        pending.waits = false;
        if (pending.sends++ > 0) {
          again.push([pending, pending.sends]);
        }
        this.#transmit(pending.text);
      }
      // Whatever is behind it waits for its pong.
      if (pending.suspected) {
        break;
      }
    }
    return { again, left: false };
  }

  /**
   * Keep a frame until the rate allows it, in place of an older one of its type.
   *
   * @param {string} type
   * @param {string} text
   */
  keepLatest(type, text) {
    this.#latest.set(type, text);
  }

  /** @param {string} type of which a newer frame was sent */
  dropLatest(type) {
    this.#latest.delete(type);
  }

  /**
   * Send the frames that `keepLatest` kept, but leave half of the rate to messages.
   *
   * @returns {boolean} whether the rate keeps more from being sent
   */
  flushLatest() {
    for (const [type, text] of this.#latest) {
      if (!this.#allowed((this.#rate - 1) / 2)) {
        return true;
      }
      this.#latest.delete(type);
      this.#transmit(text);
    }
    return false;
  }

  /** @param {Message} message one's own, as it came back */
  settle(message) {
    const id = message.id ?? "";
    this.#pending.get(id)?.resolve(message);
    this.#pending.delete(id);
  }

  /**
   * What was sent again before a ping, and has not come back by its pong, had been said before.
   *
   * @param {SentAgain} again
   * @param {string} user
   */
  settleSaid(again, user) {
    for (const [{ id, body, waits, sends }, then] of again) {
      if (!waits && sends === then) {
        // A rule may have changed the body, which can't be told now.
        const said = /** @type {any} */ (body);
        this.settle({ type: "message", position: null, from: user, body: said, at: null, id });
      }
    }
  }

  /**
   * Keep what can't be said now, and fail what never can.
   *
   * @param {import("./rooms.js").Refusal} refusal
   * @returns {boolean} whether something is to be sent again
   */
  refuse({ id, code, detail, reason }) {
    const pending = this.#pending.get(id ?? "");
    if (!pending) {
      return false;
    }
    if (code === "unavailable") {
      pending.waits = true;
      pending.suspected = false;
      return true;
    }
    this.#pending.delete(pending.id);
    pending.reject(new NotSent(code, detail, reason));
    return false;
  }

  /** @param {string} reason why nothing can be sent any more */
  fail(reason) {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    this.#latest.clear();
    for (const { reject } of all) {
      reject(new NotSent("closed", reason));
    }
  }

  /** @param {number} spared how much must be left after it */
  #allowed(spared = 0) {
    const now = Date.now();
    const earned = (Math.max(now - this.#allowedAt, 0) / 1000) * this.#rate;
    this.#allowance = Math.min(this.#rate, this.#allowance + earned);
    this.#allowedAt = now;
    if (this.#allowance < 1 + spared) {
      return false;
    }
    this.#allowance--;
    return true;
  }
}

/** Finds the request that a frame answers, by its `ref`. */
export class Requests {
  /** @type {Map<string, Asked>} */ #asked = new Map();

  /**
   * Await an answer.
   *
   * @param {string} ref
   * @param {number} timeout in ms
   * @returns {Promise<any>} it fails with `RequestFailed`
   */
  add(ref, timeout) {
    return new Promise((resolve, reject) => {
      const expire = () => this.#take(ref)?.reject(new RequestFailed("timeout", "No answer in time."));
      const timer = setTimeout(expire, Math.min(timeout, LONGEST_TIMEOUT));
      this.#asked.set(ref, { resolve, reject, timer });
    });
  }

  /** @param {any} frame what the service sent: an answer, or anything else */
  settle(frame) {
    const asked = this.#take(frame.ref);
    if (frame.type === "error") {
      asked?.reject(new RequestFailed(frame.code, frame.detail, frame.reason));
    } else {
      asked?.resolve(frame);
    }
  }

  /** Fail all requests: their answers can't come any more. */
  disconnect() {
    for (const ref of this.#asked.keys()) {
      const error = new RequestFailed("disconnected", "The connection ended before an answer came.");
      this.#take(ref)?.reject(error);
    }
  }

  /** @param {string} ref */
  #take(ref) {
    const asked = this.#asked.get(ref);
    clearTimeout(asked?.timer);
    this.#asked.delete(ref);
    return asked;
  }
}

// `crypto.randomUUID` is there only where the page came over TLS, and Node.js 18 has no `crypto`.
export function newId() {
  const bytes =
    globalThis.crypto?.getRandomValues(new Uint8Array(16)) ??
    Uint8Array.from({ length: 16 }, () => Math.random() * 256);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
