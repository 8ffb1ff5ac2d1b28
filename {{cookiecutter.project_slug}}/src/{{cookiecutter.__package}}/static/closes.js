// Written by scripts/written.py, from rooms/protocol/closes.py.

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
export const closes = [
  {
    "name": "ROOM_NOT_FOUND",
    "code": 1008,
    "reason": "Room does not exist",
    "lastWords": null,
    "advice": "STOP",
    "advised": "stop",
    "explanation": "No room has this name."
  },
  {
    "name": "TOKEN_REQUIRED",
    "code": 3000,
    "reason": "Token required",
    "lastWords": null,
    "advice": "AUTHENTICATE",
    "advised": "get a token",
    "explanation": "The room has a password, or guests are not allowed."
  },
  {
    "name": "TOKEN_INVALID",
    "code": 3000,
    "reason": "Token invalid",
    "lastWords": null,
    "advice": "AUTHENTICATE",
    "advised": "get a token",
    "explanation": "The token is malformed, or was not signed with this service's key."
  },
  {
    "name": "TOKEN_EXPIRED",
    "code": 3000,
    "reason": "Token expired",
    "lastWords": "jwt-expired",
    "advice": "AUTHENTICATE_AND_RETURN",
    "advised": "get a token, come back",
    "explanation": "The token's time is over, when connecting or while connected."
  },
  {
    "name": "WRONG_ROOM",
    "code": 3003,
    "reason": "Token is for another room",
    "lastWords": null,
    "advice": "STOP",
    "advised": "stop",
    "explanation": "The token is good, but it names another room."
  },
  {
    "name": "NOT_ALLOWED",
    "code": 3003,
    "reason": "Not allowed in this room",
    "lastWords": null,
    "advice": "STOP",
    "advised": "stop",
    "explanation": "A rule of the service keeps this user out."
  },
  {
    "name": "REMOVED",
    "code": 3003,
    "reason": "Removed from the room",
    "lastWords": null,
    "advice": "STOP",
    "advised": "stop",
    "explanation": "A trusted caller removed this user."
  },
  {
    "name": "BINARY_FRAME",
    "code": 1003,
    "reason": "Text frames only",
    "lastWords": null,
    "advice": "STOP",
    "advised": "stop",
    "explanation": "The client sent a binary frame."
  },
  {
    "name": "INVALID_UTF8",
    "code": 1007,
    "reason": null,
    "lastWords": null,
    "advice": "STOP",
    "advised": "stop",
    "explanation": "The client sent a text frame that is not UTF-8."
  },
  {
    "name": "TOO_BIG",
    "code": 1009,
    "reason": null,
    "lastWords": null,
    "advice": "STOP",
    "advised": "stop",
    "explanation": "The client sent a message over MAX_MESSAGE_BYTES."
  },
  {
    "name": "TOO_MANY_MESSAGES",
    "code": 1008,
    "reason": "Too many messages",
    "lastWords": "rate-limited",
    "advice": "RETURN_AFTER_DELAY",
    "advised": "come back after `retry_after`",
    "explanation": "The client sent faster than MESSAGES_PER_SECOND."
  },
  {
    "name": "READS_TOO_SLOWLY",
    "code": 1013,
    "reason": "Reading too slowly",
    "lastWords": null,
    "advice": "RETURN_WITH_POSITION",
    "advised": "come back with `after`",
    "explanation": "More than OUTBOX_BYTES waited for this client; what waited is dropped."
  },
  {
    "name": "ROOM_FULL",
    "code": 1013,
    "reason": "Room is full",
    "lastWords": null,
    "advice": "TRY_LATER",
    "advised": "try later",
    "explanation": "The room has as many members as it takes."
  },
  {
    "name": "TOO_MANY_CONNECTIONS",
    "code": 1013,
    "reason": "Too many connections",
    "lastWords": null,
    "advice": "TRY_LATER",
    "advised": "try later",
    "explanation": "The client's address has CONNECTIONS_PER_ADDRESS connections already."
  },
  {
    "name": "ROOM_CLOSED",
    "code": 4410,
    "reason": "Room closed",
    "lastWords": null,
    "advice": "STOP",
    "advised": "stop",
    "explanation": "The room was deleted while the client was in it."
  },
  {
    "name": "INTERNAL_ERROR",
    "code": 1011,
    "reason": "Internal error",
    "lastWords": null,
    "advice": "RETURN_GROWING_DELAY",
    "advised": "come back with a growing delay",
    "explanation": "The service failed; its log has the traceback."
  },
  {
    "name": "NO_PONG",
    "code": 1011,
    "reason": null,
    "lastWords": null,
    "advice": "RETURN_GROWING_DELAY",
    "advised": "come back with a growing delay",
    "explanation": "The client answered no ping in time."
  },
  {
    "name": "SERVICE_RESTART",
    "code": 1012,
    "reason": "Service restart",
    "lastWords": "service-restart",
    "advice": "RETURN_AFTER_DELAY",
    "advised": "come back after `retry_after`",
    "explanation": "This process is stopping."
  }
];
