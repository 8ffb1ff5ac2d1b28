/**
 * A client for the rooms of this service: it comes back by itself, and misses nothing.
 *
 * It needs no library. `closes.js` holds what the service's table of closes advises, `own.js` what
 * this service adds to it, `outbox.js` what is yet to be sent or answered: take the four.
 */

import { closes } from "./closes.js";
import { NotSent, newId, Outbox, RequestFailed, Requests } from "./outbox.js";
import { ownCloses } from "./own.js";

export { NotSent, RequestFailed };

const SUBPROTOCOL = "rooms.v1";
const BROKEN = 1006;
const LONGEST_TIMEOUT = 2 ** 31 - 1;
const REFRESH_AHEAD = 60_000;

/**
 * @typedef {import("./closes.js").CloseRow} CloseRow
 *
 * @typedef {import("./own.js").OwnClientFrames} OwnClientFrames by their type
 * @typedef {import("./own.js").OwnServerFrames} OwnServerFrames by their type
 * @typedef {OwnClientFrames[keyof OwnClientFrames]} OwnClientFrame
 * @typedef {OwnServerFrames[keyof OwnServerFrames]} OwnServerFrame
 *
 * @typedef {import("./own.js").OwnClientBodies} OwnClientBodies by the handler of their room
 * @typedef {import("./own.js").OwnServerBodies} OwnServerBodies by the handler of their room
 * @typedef {OwnClientBodies[keyof OwnClientBodies]} OwnClientBody
 * @typedef {OwnServerBodies[keyof OwnServerBodies]} OwnServerBody
 *
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {string} room
 * @property {string} user the name by which the others see this client
 * @property {string[]} [members] who is here; absent where the room tells nobody
 * @property {string} position
 * @property {boolean | null} recovered null at the first time; false if something may be missing
 *
 * @typedef {object} Message
 * @property {"message"} type
 * @property {string | null} position null if it was said before, and it can't be told where
 * @property {string} from
 * @property {OwnServerBody} body
 * @property {string | null} at RFC 3339, in UTC
 * @property {string} [id] as the sender gave it
 *
 * @typedef {object} Member
 * @property {"joined" | "left"} type
 * @property {string} user
 *
 * @typedef {object} Refusal
 * @property {"error"} type
 * @property {"invalid-message" | "invalid-token" | "refused" | "unavailable"} code
 * @property {string} detail
 * @property {string} [id] of a message
 * @property {string} [ref] of another frame
 * @property {string} [reason] why a rule of the service refused it, for programs
 *
 * @typedef {object} Done the answer to a request of which there is nothing to tell
 * @property {"done"} type
 * @property {string} ref
 *
 * @typedef {object} Closing
 * @property {number} code
 * @property {string} reason
 * @property {CloseRow | null} row null if the table of closes has not got it
 *
 * @typedef {object} State
 * @property {"connecting" | "open" | "waiting" | "closed"} name
 * @property {Closing | null} closing why the last connection ended, until there is another
 * @property {number | null} until when it comes back, in ms as `Date.now()` has them, if waiting
 *
 * @typedef {object} Frame
 * @property {boolean} sent false if it was received
 * @property {string} text
 *
 * @typedef {object} EngineEvents
 * @property {State} state
 * @property {Welcome} welcome
 * @property {Message} message in order, none twice, one's own too
 * @property {Member} joined
 * @property {Member} left
 * @property {Refusal} error
 * @property {Done} done
 * @property {Frame} frame
 *
 * @typedef {import("./closes.js").LastWords} LastWords by their type
 * @typedef {import("./own.js").OwnLastWords} OwnLastWords by their type
 * @typedef {EngineEvents & LastWords & OwnServerFrames & OwnLastWords} Events
 *
 * @typedef {object} Options
 * @property {() => string | Promise<string>} [token] gets a new token; called again for each
 * @property {string | null} [after] the position that was seen last, to come back to it
 * @property {number} [last] how many of the last messages to tell one who is new here, or who was
 *   away for too long
 * @property {number} [heartbeat] ms of silence after which the service is asked for a sign of life
 * @property {number} [patience] ms to wait for any answer of the service, or for a token
 * @property {number} [firstDelay] ms before coming back, at most; it doubles each time
 * @property {number} [longestDelay] ms
 * @property {number} [messagesPerSecond] fewer than the service allows
 * @property {typeof WebSocket} [WebSocket]
 */

/** Throw it from a token source if asking again is of no use: the room is closed then. */
export class Refused extends Error {}

/**
 * Find a close in the table.
 *
 * @param {number} code
 * @param {string} reason
 * @returns {CloseRow | null}
 */
export function findClose(code, reason) {
  const rows = [...closes, ...ownCloses].filter((row) => row.code === code);
  const worded = rows.find((row) => row.reason === reason);
  return worded ?? rows.find((row) => row.reason === null) ?? null;
}

/** One room, with one connection at a time. */
export class Room {
  /** @type {string} */ #url;
  /** @type {Required<Omit<Options, "token" | "after">>} */ #options;
  /** @type {Options["token"]} */ #source;
  /** @type {State} */ #state = { name: "closed", closing: null, until: null };
  /** @type {string | null} */ #position;
  /** @type {string | null} */ #token = null;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Outbox} */ #outbox;
  /** @type {import("./outbox.js").SentAgain} */ #again = [];
  // A guest has another name each time.
  /** @type {Set<string>} */ #names = new Set();
  #requests = new Requests();
  /** @type {Map<string, Set<(detail: any) => void>>} */ #listeners = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */ #timers = new Map();
  /** @type {number | null} */ #retryAfter = null;
  #user = "";
  // A guest under another name sends nothing before it heard what it missed.
  #renamed = false;
  // Each connection is another attempt: what began in an earlier one is void.
  #attempt = 0;
  #failures = 0;
  #refusals = 0;

  /**
   * It connects when `connect` is called.
   *
   * @param {string | URL} url such as `/ws/lobby`
   * @param {Options} [options]
   */
  constructor(url, { token, after = null, ...options } = {}) {
    const full = new URL(url, globalThis.location?.href);
    full.protocol = full.protocol.replace("http", "ws");
    this.#url = full.href;
    this.#source = token;
    this.#position = after;
    this.#options = {
      last: 0,
      heartbeat: 15_000,
      patience: 10_000,
      firstDelay: 500,
      longestDelay: 30_000,
      messagesPerSecond: 10,
      WebSocket: globalThis.WebSocket,
      ...options,
    };
    if (!this.#options.WebSocket) {
      throw new Error(
        "No WebSocket: hand one in as an option, or start Node.js before 22 with " +
          "--experimental-websocket",
      );
    }
    this.#outbox = new Outbox((text) => this.#transmit(text), this.#options.messagesPerSecond);
  }

  /** How it is. */
  get state() {
    return this.#state;
  }

  /** The position of the newest message that was heard: keep it, and give it as `after`. */
  get position() {
    return this.#position;
  }

  /**
   * What was sent and did not come back yet, in order: keep it to send it again.
   *
   * @returns {import("./outbox.js").Kept[]}
   */
  get pending() {
    return this.#outbox.pending;
  }

  /**
   * Listen.
   *
   * @template {keyof Events} K
   * @param {K} type
   * @param {(detail: Events[K]) => void} listener
   * @returns {() => void} ends that
   */
  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Connect: for the first time, again after the end, or rather than wait any longer. */
  connect() {
    if (this.#state.name === "closed" || this.#state.name === "waiting") {
      globalThis.addEventListener?.("online", this.#online);
      globalThis.addEventListener?.("offline", this.#doubt);
      void this.#connect();
    }
  }

  /** Leave, and fail what is still pending. */
  close() {
    if (this.#hasEnded()) {
      return;
    }
    this.#letGo()?.close(1000);
    this.#end({ code: 1000, reason: "", row: null });
  }

  /**
   * Publish a message to the room, as soon as there is a connection.
   *
   * @param {OwnClientBody} body
   * @param {object} [options]
   * @param {string} [options.id] the `id` that it may have been sent with before, as after a reload
   * @returns {Promise<Message>} what came back; it fails with `NotSent`
   */
  publish(body, { id } = {}) {
    if (this.#hasEnded()) {
      return Promise.reject(new NotSent("closed", "The room is closed."));
    }
    const promise = this.#outbox.add(body, id);
    this.#flush();
    return promise;
  }

  /**
   * Send a frame of the service's own: now, or not at all. It is never sent again.
   *
   * With `latest`, as for a cursor, it replaces an older frame of its type that still waits, and is
   * sent as soon as there is a connection and the rate allows it.
   *
   * @param {OwnClientFrame} frame
   * @param {object} [options]
   * @param {boolean} [options.latest]
   * @returns {boolean} whether it is sent; with `latest`, false only once the room is closed
   */
  sendFrame(frame, { latest = false } = {}) {
    const { type } = /** @type {Record<string, any>} */ (frame);
    const text = JSON.stringify(frame);
    if (latest ? this.#hasEnded() : this.#state.name !== "open") {
      return false;
    }
    if (latest) {
      this.#outbox.keepLatest(type, text);
      this.#flushUnlessDue();
    } else {
      this.#outbox.dropLatest(type);
      this.#transmit(text);
    }
    return true;
  }

  /**
   * Send a frame of the service's own, and await its answer.
   *
   * @param {OwnClientFrame} frame it gets a `ref`
   * @param {object} [options]
   * @param {number} [options.timeout] in ms; by default, the client's `patience`
   * @returns {Promise<OwnServerFrame | Done>} it fails with `RequestFailed`
   */
  request(frame, { timeout = this.#options.patience } = {}) {
    if (this.#state.name !== "open") {
      return Promise.reject(new RequestFailed("not-connected", "There is no connection."));
    }
    const ref = newId();
    const text = JSON.stringify({ .../** @type {Record<string, any>} */ (frame), ref });
    const answer = this.#requests.add(ref, timeout);
    this.#transmit(text);
    return answer;
  }

  #hasEnded() {
    return this.#state.name === "closed" && this.#state.closing !== null;
  }

  async #connect() {
    this.#letGo();
    const attempt = this.#attempt;
    this.#retryAfter = null;
    this.#awaitAnswer();
    this.#setState({ name: "connecting", closing: this.#state.closing, until: null });
    if (expiry(this.#token) <= Date.now()) {
      this.#token = null;
    }
    try {
      const token = this.#token ?? (await this.#source?.()) ?? null;
      if (attempt === this.#attempt) {
        this.#token = token;
        this.#open();
      }
    } catch (error) {
      // Also a token that no socket takes.
      if (attempt === this.#attempt) {
        this.#letGo();
        this.#token = null;
        this.#failed(error);
      }
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    const reason = error instanceof Error ? error.message : String(error);
    const closing = { code: BROKEN, reason, row: null };
    if (error instanceof Refused) {
      this.#end(closing);
    } else {
      this.#wait(closing, null);
    }
  }

  #open() {
    const url = new URL(this.#url);
    if (this.#position !== null) {
      url.searchParams.set("after", this.#position);
    }
    if (this.#options.last > 0) {
      url.searchParams.set("last", `${this.#options.last}`);
    }
    const bearer = this.#token === null ? [] : [`bearer.${this.#token}`];
    const socket = new this.#options.WebSocket(url.href, [SUBPROTOCOL, ...bearer]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#take(String(data));
    // The package `ws` throws where nobody listens. The close follows in any case.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => {
      this.#letGo();
      this.#outbox.rewind(code === BROKEN);
      this.#closed(code, reason);
    };
  }

  /**
   * Hear nothing more of the connection that there is, and wait for nothing.
   *
   * @returns {WebSocket | null} its socket
   */
  #letGo() {
    const socket = this.#socket;
    this.#attempt++;
    this.#socket = null;
    this.#again = [];
    this.#requests.disconnect();
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#timers.clear();
    if (socket) {
      socket.onmessage = socket.onclose = null;
    }
    return socket;
  }

  /** @param {string} reason */
  #lost(reason) {
    this.#letGo()?.close();
    this.#outbox.rewind(false);
    this.#closed(BROKEN, reason);
  }

  /**
   * Do what the table of closes advises.
   *
   * @param {number} code
   * @param {string} reason
   */
  #closed(code, reason) {
    const row = findClose(code, reason);
    const closing = { code, reason, row };
    if (row?.advice === "STOP") {
      this.#end(closing);
    } else if (row?.advice.startsWith("AUTHENTICATE")) {
      this.#token = null;
      this.#refusals++;
      if (!this.#source || (row.advice === "AUTHENTICATE" && this.#refusals > 1)) {
        this.#end(closing);
      } else {
        this.#wait(closing, this.#refusals > 1 ? null : 0);
      }
    } else {
      this.#wait(closing, this.#retryAfter === null ? null : this.#retryAfter * 1000);
    }
  }

  /**
   * @param {Closing} closing
   * @param {number | null} told in ms; null for a delay that grows
   */
  #wait(closing, told) {
    const { firstDelay, longestDelay } = this.#options;
    const grown = Math.min(firstDelay * 2 ** this.#failures++, longestDelay);
    const delay = told ?? grown * (0.5 + Math.random() / 2);
    this.#after("return", delay, () => void this.#connect());
    this.#setState({ name: "waiting", closing, until: Date.now() + delay });
  }

  /** @param {Closing} closing */
  #end(closing) {
    globalThis.removeEventListener?.("online", this.#online);
    globalThis.removeEventListener?.("offline", this.#doubt);
    this.#failures = this.#refusals = 0;
    this.#token = null;
    this.#outbox.fail(closing.reason || "The room is closed.");
    this.#setState({ name: "closed", closing, until: null });
  }

  #online = () => {
    if (this.#state.name === "waiting") {
      void this.#connect();
    } else {
      this.#doubt();
    }
  };

  #doubt = () => {
    if (this.#state.name === "open" && !this.#timers.has("answer")) {
      this.#awaitAnswer();
      this.#transmit('{"type":"ping"}');
    }
  };

  /** @param {string} text */
  #take(text) {
    const attempt = this.#attempt;
    this.#after("beat", this.#options.heartbeat, this.#doubt);
    if (this.#timers.has("answer")) {
      this.#awaitAnswer();
    }
    this.#tell("frame", { sent: false, text });
    if (attempt !== this.#attempt) {
      return;
    }
    const frame = JSON.parse(text);
    this.#requests.settle(frame);
    switch (frame.type) {
      case "welcome":
        this.#welcome(frame);
        break;
      case "message":
        this.#position = frame.position;
        if (this.#names.has(frame.from)) {
          this.#outbox.settle(frame);
        }
        this.#tell("message", frame);
        break;
      case "error":
        if (this.#outbox.refuse(frame)) {
          this.#after("flush", this.#options.firstDelay * 2, () => this.#flush());
        }
        this.#tell("error", frame);
        break;
      case "pong":
        this.#stop("answer");
        break;
      default:
        this.#retryAfter = frame.retry_after ?? null;
        this.#tell(frame.type, frame);
    }
  }

  /** @param {Welcome} welcome */
  #welcome(welcome) {
    const attempt = this.#attempt;
    this.#renamed = this.#names.size > 0 && !this.#names.has(welcome.user);
    this.#stop("answer");
    this.#user = welcome.user;
    this.#names.add(welcome.user);
    this.#position = welcome.position;
    this.#refusals = 0;
    // Only who stays has come back: else the delay goes on growing.
    this.#after("stayed", this.#options.firstDelay * 4, () => (this.#failures = 0));
    this.#planRefresh();
    this.#setState({ name: "open", closing: null, until: null });
    if (attempt !== this.#attempt) {
      return;
    }
    this.#tell("welcome", welcome);
    if (attempt !== this.#attempt) {
      return;
    }
    if (this.#renamed) {
      // Under another name all would be said twice that comes only now: after it comes the pong.
      this.#onceHandled(() => (this.#renamed = false));
    } else {
      this.#flush();
    }
  }

  #flush() {
    if (this.#state.name !== "open" || this.#renamed) {
      return;
    }
    const attempt = this.#attempt;
    const { again, left } = this.#outbox.flush();
    const kept = this.#outbox.flushLatest();
    if (attempt !== this.#attempt) {
      return;
    }
    this.#again.push(...again);
    if (left || kept) {
      this.#after("flush", 1000 / this.#options.messagesPerSecond, () => this.#flush());
    }
    if (!left && this.#again.length > 0) {
      const sent = this.#again.splice(0);
      this.#onceHandled(() => this.#outbox.settleSaid(sent, this.#user));
    }
  }

  #flushUnlessDue() {
    if (!this.#timers.has("flush")) {
      this.#flush();
    }
  }

  /**
   * Act once the service has handled all that was sent: a ping with a `ref` is answered in its place.
   *
   * @param {() => void} act
   */
  #onceHandled(act) {
    const attempt = this.#attempt;
    const handled = () => {
      if (attempt === this.#attempt) {
        act();
        // A suspected message may have held others up.
        this.#flushUnlessDue();
      }
    };
    // The service may take its time, so it is asked for a sign of life first.
    this.#after("beat", this.#options.patience, this.#doubt);
    const ping = /** @type {never} */ ({ type: "ping" });
    this.request(ping, { timeout: Infinity }).then(handled, () => {});
  }

  #awaitAnswer() {
    this.#after("answer", this.#options.patience, () => this.#lost("No answer"));
  }

  /** Get a new token before this one expires. */
  #planRefresh() {
    const left = expiry(this.#token) - Date.now();
    if (!this.#source || left < 1000 || left === Infinity) {
      return;
    }
    const delay = left - Math.min(REFRESH_AHEAD, left / 4);
    this.#after("refresh", Math.min(delay, LONGEST_TIMEOUT), () => void this.#refresh());
  }

  async #refresh() {
    const attempt = this.#attempt;
    try {
      const token = await this.#source?.();
      if (token !== undefined && attempt === this.#attempt) {
        this.#token = token;
        this.#transmit(JSON.stringify({ type: "refresh", token }));
      }
    } catch {
      // There is time for another try; else the service closes, and tells why.
    }
    if (attempt === this.#attempt) {
      this.#planRefresh();
    }
  }

  /** @param {string} text */
  #transmit(text) {
    this.#socket?.send(text);
    this.#tell("frame", { sent: true, text });
  }

  /** @param {State} state */
  #setState(state) {
    this.#state = state;
    this.#tell("state", state);
  }

  /**
   * @template {keyof Events} K
   * @param {K} type
   * @param {Events[K]} detail
   */
  #tell(type, detail) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        listener(detail);
      } catch (error) {
        // It is the listener's: the connection goes on.
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }

  /**
   * @param {string} name
   * @param {number} delay in ms
   * @param {() => void} act
   */
  #after(name, delay, act) {
    this.#stop(name);
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      act();
    }, delay);
    this.#timers.set(name, timer);
  }

  /** @param {string} name */
  #stop(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/**
 * Read when a token expires, in ms as `Date.now()` has them; Infinity if it does not say.
 *
 * @param {string | null} token
 */
function expiry(token) {
  try {
    const claims = (token ?? "").split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return Number(JSON.parse(atob(claims)).exp) * 1000 || Infinity;
  } catch {
    return Infinity;
  }
}
