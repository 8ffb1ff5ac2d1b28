/** The page on which people talk. What anybody typed becomes text, never markup. */

import { Refused, Room } from "./rooms.js";
import { recall, remember } from "./visit.js";

const SAVE_AFTER = 250;
const SHOWN = 500;

const $ = (id) => document.getElementById(id);
const entrance = $("entrance");
const log = $("log");

/** @type {Room | null} */
let room = null;
/** @type {import("./visit.js").Visit | null} */
let visit = null;
let members = new Set();
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
  });
  const answer = await response.json();
  if (response.ok) {
    return answer.token;
  }
  throw response.status < 500 ? new Refused(answer.detail) : new Error(answer.detail);
}

function enter(next, password) {
  visit = next;
  members = new Set();
  let kept = visit.token;
  room = new Room(`ws/${encodeURIComponent(visit.room)}`, {
    after: visit.position,
    token: async () => {
      const token = kept ?? (await getToken(visit.user, visit.room, password));
      kept = null;
      visit.token = token;
      save();
      return token;
    },
  });
  room.on("state", showState);
  room.on("welcome", welcome);
  room.on("message", hear);
  room.on("joined", ({ user }) => note(members, "add", user, "came in"));
  room.on("left", ({ user }) => note(members, "delete", user, "left"));
  $("room-name").textContent = visit.room;
  $("said").replaceChildren(...visit.messages.map(said));
  $("pending").replaceChildren();
  showMembers();
  visit.pending.forEach(({ id, body }) => say(body, id));
  document.dispatchEvent(new CustomEvent("room", { detail: room }));
  room.connect();
}

function leave(why = "") {
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
  show();
  $("state-bar").className = `bar ${name}`;
  $("state").textContent = wordState(name, closing);
  $("again").hidden = name === "open" || name === "connecting";
  $("again").textContent = name === "closed" ? "Come back" : "Try now";
  $("text").disabled = name === "closed";
  countDown(until);
  save();
}

function wordState(name, closing) {
  const why = closing && (closing.reason || closing.row?.explanation || "The connection is lost");
  switch (name) {
    case "open":
      return `You are here as ${visit.user}.`;
    case "connecting":
      return why ? `${why}. Coming back …` : "Connecting …";
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

function note(set, change, user, what) {
  set[change](user);
  showMembers();
  append(element("li", "note", `${user} ${what}`));
}

function showMembers() {
  const names = [...members].sort((one, other) => one.localeCompare(other));
  $("members").replaceChildren(...names.map((name) => element("li", "", name)));
}

function hear(message) {
  visit.messages.push(message);
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
function say(body, id) {
  const item = line(visit.user, body);
  const mark = element("span", "note", "sending …");
  item.classList.add("pending");
  item.firstChild.after(" ", mark);
  scrolled(() => $("pending").append(item));
  room.send(body, { id }).then(
    (message) => {
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
      mark.textContent = `not said: ${error.message}`;
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
  enter({ user: user.trim(), room: name, ...fresh }, password);
});

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (text.trim()) {
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
