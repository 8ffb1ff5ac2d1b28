/** The page on which people talk. What anybody typed becomes text, never markup. */

import { newId } from "./outbox.js";
import { Refused, Room } from "./rooms.js";
import { KEPT, recall, remember } from "./visit.js";

const SAVE_AFTER = 250;
const SHOWN = 500;
const LAST = 50;
const PATIENCE = 10_000;
// Answers that a proxy may give for a while.
const PASSING = [408, 429];

const $ = (id) => document.getElementById(id);
const entrance = $("entrance");
const log = $("log");

/** @type {Room | null} */
let room = null;
/** @type {import("./visit.js").Visit | null} */
let visit = null;
let members = new Set();
/** What was typed and did not come back, by its id. */
const unsaid = new Map();
let saving = 0;

/** Make an element with a class and a text. */
function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Ask the service for a token; it says itself what is wrong. */
async function getToken(user, name, password) {
  const response = await fetch(`rooms/${encodeURIComponent(name)}/tokens`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(password ? { user, password } : { user }),
    signal: AbortSignal.timeout(PATIENCE),
  });
  const answer = await response.json();
  if (response.ok) {
    return answer.token;
  }
  if (response.status === 401) {
    throw new Refused("Guests are off here, so this page lets nobody in.");
  }
  const passing = response.status >= 500 || PASSING.includes(response.status);
  throw passing ? new Error(answer.detail) : new Refused(answer.detail);
}

function enter(next, password) {
  visit = next;
  members = new Set();
  unsaid.clear();
  let kept = visit.token;
  room = new Room(`ws/${encodeURIComponent(visit.room)}`, {
    after: visit.position,
    last: LAST,
    token: async () => {
      const token = kept ?? (await getToken(next.user, next.room, password));
      kept = null;
      next.token = token;
      save();
      return token;
    },
  });
  room.on("state", showState);
  room.on("welcome", welcome);
  room.on("message", hear);
  room.on("joined", ({ user }) => note("add", user, "came in"));
  room.on("left", ({ user }) => note("delete", user, "left"));
  $("room-name").textContent = visit.room;
  $("said").replaceChildren(...visit.messages.map(said));
  $("pending").replaceChildren();
  showMembers();
  visit.pending.forEach(({ id, body }) => say(body, id));
  document.dispatchEvent(new CustomEvent("room", { detail: room }));
  room.connect();
}

/** What the entrance takes up again if it was the service that refused. */
let refused = null;

function leave(why = "") {
  refused = why ? { ...visit, token: null, position: room.position, pending: [...unsaid].map(([id, body]) => ({ id, body })) } : null;
  room?.close();
  room = visit = null;
  remember(null);
  show(why);
}

/** Show the entrance, or the room. */
function show(why = "") {
  const inside = room !== null;
  const moved = $("room").hidden === inside;
  entrance.hidden = inside;
  $("room").hidden = !inside;
  $("refused").textContent = why;
  if (moved) {
    log.scrollTop = log.scrollHeight;
    (inside ? $("text") : $("user")).focus();
  }
}

function showState({ name, closing, until }) {
  if (!room) {
    return;
  }
  if (name === "closed" && closing.row === null && closing.code !== 1000) {
    leave(closing.reason);
    return;
  }
  const focused = document.activeElement;
  $("text").disabled = name === "closed";
  show();
  $("state-bar").className = `bar ${name}`;
  const words = wordState(name, closing);
  if ($("state").textContent !== words) {
    $("state").textContent = words;
  }
  $("again").hidden = name === "open" || name === "connecting";
  $("again").textContent = name === "closed" ? "Come back" : "Try now";
  if (focused === $("again") && $("again").hidden) {
    $("text").focus();
  } else if (focused === $("text") && $("text").disabled) {
    $("again").focus();
  }
  countDown(until);
  save();
}

function wordState(name, closing) {
  const told = closing && (closing.reason || closing.row?.explanation || "The connection is lost");
  const why = told?.replace(/\.$/, "");
  switch (name) {
    case "open":
      return `You are here as ${visit.user}.`;
    case "connecting":
      return why ? wordState("waiting", closing) : "Connecting …";
    case "waiting":
      return `${why} (${closing.code}). It comes back by itself.`;
    default:
      return `${why} (${closing.code}). ${closing.row?.explanation ?? ""}`;
  }
}

let counting = 0;

function countDown(until) {
  clearInterval(counting);
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    $("countdown").textContent = until === null ? "" : `Next try in ${seconds} s.`;
  };
  tick();
  if (until !== null) {
    counting = setInterval(tick, 250);
  }
}

function welcome(frame) {
  visit.user = frame.user;
  members = new Set(frame.members);
  showMembers();
  if (frame.recovered === false) {
    append(element("li", "note", "You were away for too long: something may be missing here."));
  }
  save();
}

function note(change, user, what) {
  members[change](user);
  showMembers();
  const item = element("li", "note", `${user} ${what}`);
  // In a large room it would drown what is said.
  item.ariaLive = "off";
  append(item);
}

function showMembers() {
  const names = [...members].sort((one, other) => one.localeCompare(other));
  $("members").replaceChildren(...names.map((name) => element("li", "", name)));
}

function hear(message) {
  visit.messages = [...visit.messages, message].slice(-KEPT);
  append(said(message));
  save();
}

/** Make the line of a message that was said. */
function said(message) {
  const item = line(message.from, message.body);
  const time = element("time", "", new Date(message.at).toLocaleTimeString());
  time.dateTime = message.at;
  item.firstChild.after(" ", time);
  return item;
}

function line(user, body) {
  const item = element("li", user === visit.user ? "mine" : "");
  const text = typeof body === "string" ? body : JSON.stringify(body);
  item.append(element("strong", "", user), element("span", "body", text));
  return item;
}

/** Show what is said as pending, until it comes back. */
function say(body, id = newId()) {
  const item = line(visit.user, body);
  const mark = element("span", "note", "sending …");
  item.classList.add("pending");
  unsaid.set(id, body);
  item.firstChild.after(" ", mark);
  scrolled(() => $("pending").append(item));
  room.publish(body, { id }).then(
    (message) => {
      unsaid.delete(id);
      item.remove();
      if (message.position === null) {
        item.classList.remove("pending");
        mark.textContent = "said before";
        append(item);
      }
      save();
    },
    (error) => {
      item.classList.add("failed");
      mark.role = "alert";
      mark.textContent = `not said: ${error.message}`;
      if (item.isConnected) {
        append(item);
      }
      save();
    },
  );
  save();
}

function append(item) {
  scrolled(() => {
    const list = $("said");
    list.append(item);
    while (list.childElementCount > SHOWN) {
      list.firstChild.remove();
    }
  });
}

/** Change the log, and stay at its end if it was there. */
function scrolled(change) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  change();
  if (atEnd) {
    log.scrollTop = log.scrollHeight;
  }
}

function save() {
  saving ||= setTimeout(saveNow, SAVE_AFTER);
}

function saveNow() {
  clearTimeout(saving);
  saving = 0;
  if (room && visit) {
    remember({ ...visit, position: room.position, pending: room.pending });
  }
}

entrance.addEventListener("submit", (event) => {
  event.preventDefault();
  const [user, name, password] = ["user", "name", "password"].map((id) => $(id).value);
  $("password").value = "";
  const fresh = { token: null, position: null, messages: [], pending: [] };
  const again = refused?.user === user.trim() && refused.room === name;
  enter(again ? refused : { user: user.trim(), room: name, ...fresh }, password);
});

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (text.trim() && !$("text").disabled) {
    $("text").value = "";
    say(text);
  }
});

$("leave").addEventListener("click", () => leave());
$("again").addEventListener("click", () => room?.connect());
addEventListener("pagehide", saveNow);

const before = recall();
if (before) {
  $("user").value = before.user;
  $("name").value = before.room;
  enter(before, "");
} else {
  $("user").focus();
}
