/** Shows who is typing, and tells the others while this user is. */

const TELL_EVERY = 3_000;
// Longer than that, so that nothing flickers while somebody goes on.
const SHOWN_FOR = 5_000;
const MOST_NAMED = 3;

const text = document.getElementById("text");
const line = document.getElementById("typing");
const names = new Intl.ListFormat("en-GB");
/** The timers of those who are typing, by their name. */
const typing = new Map();
let room = null;
let user = "";
let toldAt = 0;

function show() {
  const who = typing.size > MOST_NAMED ? "Several people" : names.format(typing.keys());
  line.textContent = typing.size > 0 ? `${who} ${typing.size > 1 ? "are" : "is"} typing` : "";
}

function begin(name) {
  if (name === user) {
    return;
  }
  clearTimeout(typing.get(name));
  const isNew = !typing.has(name);
  typing.set(
    name,
    setTimeout(() => end(name), SHOWN_FOR),
  );
  if (isNew) {
    show();
  }
}

function end(name) {
  clearTimeout(typing.get(name));
  if (typing.delete(name)) {
    show();
  }
}

text.addEventListener("input", () => {
  if (text.value && Date.now() - toldAt >= TELL_EVERY && room.sendFrame({ type: "typing" })) {
    toldAt = Date.now();
  }
});

document.addEventListener("room", ({ detail }) => {
  room = detail;
  toldAt = 0;
  [...typing.keys()].forEach(end);
  room.on("welcome", (welcome) => (user = welcome.user));
  room.on("user-typing", (frame) => begin(frame.user));
  room.on("message", ({ from }) => end(from));
  room.on("left", (left) => end(left.user));
});
