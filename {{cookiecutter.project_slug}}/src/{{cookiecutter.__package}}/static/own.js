// Written by `uv run python -m scripts.written`, from your code.

/** @type {readonly import("./closes.js").CloseRow[]} */
export const ownCloses = [];
