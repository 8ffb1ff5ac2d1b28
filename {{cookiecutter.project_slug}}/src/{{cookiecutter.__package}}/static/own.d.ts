// Written by `uv run python -m scripts.written`, from your code.

export type Typing = { type: "typing" };
export type UserTyping = { type: "user-typing"; ref?: string; user: string };

/** What clients send, by `type`. */
export interface OwnClientFrames {
  "typing": Typing;
}

/** What clients get, by `type`. */
export interface OwnServerFrames {
  "user-typing": UserTyping;
}

/** What comes before some closes, by `type`. */
export interface OwnLastWords {
}

/** What clients publish, by the room's handler. */
export interface OwnClientBodies {
  "Chat": unknown;
}

/** What messages bring, by the room's handler. */
export interface OwnServerBodies {
  "Chat": unknown;
}

export const ownCloses: readonly import("./closes.js").CloseRow[];
