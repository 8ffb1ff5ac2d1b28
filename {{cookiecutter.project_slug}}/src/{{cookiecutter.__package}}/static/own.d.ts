// Written by `uv run python -m scripts.written`, from your code.

/** What clients send, by `type`. */
export interface OwnClientFrames {
  "typing": { type: "typing" };
}

/** What clients get, by `type`. */
export interface OwnServerFrames {
  "user-typing": { type: "user-typing"; ref?: string; user: string };
}

export const ownCloses: readonly import("./closes.js").CloseRow[];
