/** What a tab remembers of its visit to a room, so that a reload takes up where it left off. */

const KEY = "visit";
export const KEPT = 200;

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
    const visit = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    return Array.isArray(visit?.messages) && Array.isArray(visit?.pending) ? visit : null;
  } catch {
    return null;
  }
}

/** @param {Visit | null} visit null to forget it */
export function remember(visit) {
  for (let kept = KEPT; kept >= 1; kept = Math.floor(kept / 4)) {
    try {
      if (visit) {
        const messages = visit.messages.slice(-kept);
        sessionStorage.setItem(KEY, JSON.stringify({ ...visit, messages }));
      } else {
        sessionStorage.removeItem(KEY);
      }
      return;
    } catch {
      // Full, so fewer are kept; or not to be used at all, and a reload starts anew.
    }
  }
}
