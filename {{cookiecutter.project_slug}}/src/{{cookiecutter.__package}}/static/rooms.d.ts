/**
 * Find a close in the table.
 *
 * @param {number} code
 * @param {string} reason
 * @returns {CloseRow | null}
 */
export function findClose(code: number, reason: string): CloseRow | null;
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
export class Refused extends Error {
}
/** One room, with one connection at a time. */
export class Room {
    /**
     * It connects when `connect` is called.
     *
     * @param {string | URL} url such as `/ws/lobby`
     * @param {Options} [options]
     */
    constructor(url: string | URL, { token, after, ...options }?: Options);
    /** How it is. */
    get state(): State;
    /** The position of the newest message that was heard: keep it, and give it as `after`. */
    get position(): string | null;
    /**
     * What was sent and did not come back yet, in order: keep it to send it again.
     *
     * @returns {import("./outbox.js").Kept[]}
     */
    get pending(): import("./outbox.js").Kept[];
    /**
     * Listen.
     *
     * @template {keyof Events} K
     * @param {K} type
     * @param {(detail: Events[K]) => void} listener
     * @returns {() => void} ends that
     */
    on<K extends keyof Events>(type: K, listener: (detail: Events[K]) => void): () => void;
    /** Connect: for the first time, again after the end, or rather than wait any longer. */
    connect(): void;
    /** Leave, and fail what is still pending. */
    close(): void;
    /**
     * Publish a message to the room, as soon as there is a connection.
     *
     * @param {OwnClientBody} body
     * @param {object} [options]
     * @param {string} [options.id] the `id` that it may have been sent with before, as after a reload
     * @returns {Promise<Message>} what came back; it fails with `NotSent`
     */
    publish(body: OwnClientBody, { id }?: {
        id?: string | undefined;
    }): Promise<Message>;
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
    sendFrame(frame: OwnClientFrame, { latest }?: {
        latest?: boolean | undefined;
    }): boolean;
    /**
     * Send a frame of the service's own, and await its answer.
     *
     * @param {OwnClientFrame} frame it gets a `ref`
     * @param {object} [options]
     * @param {number} [options.timeout] in ms; by default, the client's `patience`
     * @returns {Promise<OwnServerFrame | Done>} it fails with `RequestFailed`
     */
    request(frame: OwnClientFrame, { timeout }?: {
        timeout?: number | undefined;
    }): Promise<OwnServerFrame | Done>;
    #private;
}
export type CloseRow = import("./closes.js").CloseRow;
/**
 * by their type
 */
export type OwnClientFrames = import("./own.js").OwnClientFrames;
/**
 * by their type
 */
export type OwnServerFrames = import("./own.js").OwnServerFrames;
export type OwnClientFrame = OwnClientFrames[keyof OwnClientFrames];
export type OwnServerFrame = OwnServerFrames[keyof OwnServerFrames];
/**
 * by the handler of their room
 */
export type OwnClientBodies = import("./own.js").OwnClientBodies;
/**
 * by the handler of their room
 */
export type OwnServerBodies = import("./own.js").OwnServerBodies;
export type OwnClientBody = OwnClientBodies[keyof OwnClientBodies];
export type OwnServerBody = OwnServerBodies[keyof OwnServerBodies];
export type Welcome = {
    type: "welcome";
    room: string;
    /**
     * the name by which the others see this client
     */
    user: string;
    /**
     * who is here; absent where the room tells nobody
     */
    members?: string[] | undefined;
    position: string;
    /**
     * null at the first time; false if something may be missing
     */
    recovered: boolean | null;
};
export type Message = {
    type: "message";
    /**
     * null if it was said before, and it can't be told where
     */
    position: string | null;
    from: string;
    body: OwnServerBody;
    /**
     * RFC 3339, in UTC
     */
    at: string | null;
    /**
     * as the sender gave it
     */
    id?: string | undefined;
};
export type Member = {
    type: "joined" | "left";
    user: string;
};
export type Refusal = {
    type: "error";
    code: "invalid-message" | "invalid-token" | "refused" | "unavailable";
    detail: string;
    /**
     * of a message
     */
    id?: string | undefined;
    /**
     * of another frame
     */
    ref?: string | undefined;
    /**
     * why a rule of the service refused it, for programs
     */
    reason?: string | undefined;
};
/**
 * the answer to a request of which there is nothing to tell
 */
export type Done = {
    type: "done";
    ref: string;
};
export type Closing = {
    code: number;
    reason: string;
    /**
     * null if the table of closes has not got it
     */
    row: CloseRow | null;
};
export type State = {
    name: "connecting" | "open" | "waiting" | "closed";
    /**
     * why the last connection ended, until there is another
     */
    closing: Closing | null;
    /**
     * when it comes back, in ms as `Date.now()` has them, if waiting
     */
    until: number | null;
};
export type Frame = {
    /**
     * false if it was received
     */
    sent: boolean;
    text: string;
};
export type EngineEvents = {
    state: State;
    welcome: Welcome;
    /**
     * in order, none twice, one's own too
     */
    message: Message;
    joined: Member;
    left: Member;
    error: Refusal;
    done: Done;
    frame: Frame;
};
/**
 * by their type
 */
export type LastWords = import("./closes.js").LastWords;
/**
 * by their type
 */
export type OwnLastWords = import("./own.js").OwnLastWords;
export type Events = EngineEvents & LastWords & OwnServerFrames & OwnLastWords;
export type Options = {
    /**
     * gets a new token; called again for each
     */
    token?: (() => string | Promise<string>) | undefined;
    /**
     * the position that was seen last, to come back to it
     */
    after?: string | null | undefined;
    /**
     * how many of the last messages to tell one who is new here, or who was
     * away for too long
     */
    last?: number | undefined;
    /**
     * ms of silence after which the service is asked for a sign of life
     */
    heartbeat?: number | undefined;
    /**
     * ms to wait for any answer of the service, or for a token
     */
    patience?: number | undefined;
    /**
     * ms before coming back, at most; it doubles each time
     */
    firstDelay?: number | undefined;
    /**
     * ms
     */
    longestDelay?: number | undefined;
    /**
     * fewer than the service allows
     */
    messagesPerSecond?: number | undefined;
    WebSocket?: {
        new (url: string | URL, protocols?: string | string[]): WebSocket;
        prototype: WebSocket;
        readonly CONNECTING: 0;
        readonly OPEN: 1;
        readonly CLOSING: 2;
        readonly CLOSED: 3;
    } | undefined;
};
import { NotSent } from "./outbox.js";
import { RequestFailed } from "./outbox.js";
export { NotSent, RequestFailed };
