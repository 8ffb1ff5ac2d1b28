// Written by scripts/written.py, from handlers.py.

/**
 * @typedef {object} CloseRow
 * @property {string} name
 * @property {number} code
 * @property {string | null} reason null where the server's library words it
 * @property {string | null} lastWords the type of the frame before the close
 * @property {string} advice what to do
 * @property {string} advised the same, in words
 * @property {string} explanation
 */

/** @type {readonly CloseRow[]} */
export const closes = [];
