/** What a tab remembers of its visit to a room, so that a reload takes up where it left off. */

const KEY = "visit";
const KEPT = 200;

/**
 * @typedef {object} Visit
 * @property {string} user
 * @property {string} room
 * @property {string | null} token
 * @property {string | null} position
 * @property {import("./rooms.js").Message[]} messages
 * @property {import("./outbox.js").Kept[]} pending
 */

/** @returns {Visit | null} */
export function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}

/** @param {Visit | null} visit null to forget it */
export function remember(visit) {
  if (visit) {
    visit.messages = visit.messages.slice(-KEPT);
    sessionStorage.setItem(KEY, JSON.stringify(visit));
  } else {
    sessionStorage.removeItem(KEY);
  }
}
