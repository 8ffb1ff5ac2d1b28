export function newId(): string;
/**
 * A message was refused, or can't be sent any more.
 *
 * Its `code` is `closed`, `undeliverable`, or that of the service's error.
 */
export class NotSent extends Failure {
}
/**
 * A request has no answer but an error.
 *
 * Its `code` is that of the service's error, `not-connected` if nothing was sent, or `timeout` or
 * `disconnected` if nobody knows whether the service acted on it.
 */
export class RequestFailed extends Failure {
}
/** Keeps messages in order, and sends them as fast as the service allows. */
export class Outbox {
    /**
     * @param {(text: string) => void} transmit
     * @param {number} rate messages a second, and as many at once
     */
    constructor(transmit: (text: string) => void, rate: number);
    /**
     * What did not come back yet, in order.
     *
     * @returns {Kept[]}
     */
    get pending(): Kept[];
    /**
     * Keep a message until it comes back.
     *
     * @param {OwnClientBody} body
     * @param {string | undefined} given the `id` that it may have been sent with before
     * @returns {Promise<Message>}
     */
    add(body: OwnClientBody, given: string | undefined): Promise<Message>;
    /**
     * Send all that was under way again over the next connection, but fail what ended two in a row.
     *
     * Any message under way may have caused a cut, so each is suspected and then sent alone: if the
     * connection is cut again, the cause is certain.
     *
     * @param {boolean} cut whether the connection ended without a reason
     */
    rewind(cut: boolean): void;
    /**
     * Send what waits, in order, as far as that is allowed now.
     *
     * @returns {Flushed}
     */
    flush(): Flushed;
    /**
     * Keep a frame until the rate allows it, in place of an older one of its type.
     *
     * @param {string} type
     * @param {string} text
     */
    keepLatest(type: string, text: string): void;
    /** @param {string} type of which a newer frame was sent */
    dropLatest(type: string): void;
    /**
     * Send the frames that `keepLatest` kept, but leave half of the rate to messages.
     *
     * @returns {boolean} whether the rate keeps more from being sent
     */
    flushLatest(): boolean;
    /** @param {Message} message one's own, as it came back */
    settle(message: Message): void;
    /**
     * What was sent again before a ping, and has not come back by its pong, had been said before.
     *
     * @param {SentAgain} again
     * @param {string} user
     */
    settleSaid(again: SentAgain, user: string): void;
    /**
     * Keep what can't be said now, and fail what never can.
     *
     * @param {import("./rooms.js").Refusal} refusal
     * @returns {boolean} whether something is to be sent again
     */
    refuse({ id, code, detail, reason }: import("./rooms.js").Refusal): boolean;
    /** @param {string} reason why nothing can be sent any more */
    fail(reason: string): void;
    #private;
}
/** Finds the request that a frame answers, by its `ref`. */
export class Requests {
    /**
     * Await an answer.
     *
     * @param {string} ref
     * @param {number} timeout in ms
     * @returns {Promise<any>} it fails with `RequestFailed`
     */
    add(ref: string, timeout: number): Promise<any>;
    /** @param {any} frame what the service sent: an answer, or anything else */
    settle(frame: any): void;
    /** Fail all requests: their answers can't come any more. */
    disconnect(): void;
    #private;
}
export type OwnClientBody = import("./rooms.js").OwnClientBody;
export type Message = import("./rooms.js").Message;
export type Kept = {
    id: string;
    body: OwnClientBody;
};
export type Pending = {
    id: string;
    body: OwnClientBody;
    text: string;
    /**
     * how often it was sent
     */
    sends: number;
    /**
     * whether it is yet to be sent over this connection
     */
    waits: boolean;
    /**
     * whether the last connection was cut while it was under way
     */
    suspected: boolean;
    promise: Promise<Message>;
    resolve: (message: Message) => void;
    reject: (error: Error) => void;
};
/**
 * each with how often it had been sent by then
 */
export type SentAgain = [Pending, number][];
export type Flushed = {
    /**
     * what had been sent before
     */
    again: SentAgain;
    /**
     * whether the rate keeps more from being sent
     */
    left: boolean;
};
export type Asked = {
    resolve: (answer: any) => void;
    reject: (error: RequestFailed) => void;
    timer: ReturnType<typeof setTimeout>;
};
/** Something that was sent failed. */
declare class Failure extends Error {
    /**
     * @param {string} code
     * @param {string} detail for people
     * @param {string} [reason] why a rule of the service refused it, for programs
     */
    constructor(code: string, detail: string, reason?: string);
    code: string;
    detail: string;
    reason: string | undefined;
}
export {};
