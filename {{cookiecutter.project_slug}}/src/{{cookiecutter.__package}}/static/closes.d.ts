/**
 * @typedef {object} CloseRow
 * @property {string} name
 * @property {number} code
 * @property {string | null} reason null where the server's library words it
 * @property {string | null} lastWords the type of the frame before the close
 * @property {string} advice what to do
 * @property {string} advised the same, in words
 * @property {string} explanation
 *
 * @typedef { {
 *   "jwt-expired": { type: "jwt-expired" };
 *   "rate-limited": { type: "rate-limited"; retry_after: number };
 *   "service-restart": { type: "service-restart"; retry_after: number };
 * } } LastWords what comes before some closes, by its type
 */
/** @type {readonly CloseRow[]} */
export const closes: readonly CloseRow[];
export type CloseRow = {
    name: string;
    code: number;
    /**
     * null where the server's library words it
     */
    reason: string | null;
    /**
     * the type of the frame before the close
     */
    lastWords: string | null;
    /**
     * what to do
     */
    advice: string;
    /**
     * the same, in words
     */
    advised: string;
    explanation: string;
};
/**
 * what comes before some closes, by its type
 */
export type LastWords = {
    "jwt-expired": {
        type: "jwt-expired";
    };
    "rate-limited": {
        type: "rate-limited";
        retry_after: number;
    };
    "service-restart": {
        type: "service-restart";
        retry_after: number;
    };
};
