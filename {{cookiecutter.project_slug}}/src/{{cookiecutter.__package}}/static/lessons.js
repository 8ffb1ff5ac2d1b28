/** Shows the frames as they travel, and each row of the tables of closes; for development. */

import { closes } from "./closes.js";
import { ownCloses } from "./own.js";

const SHOWN = 200;

/** Make an element with children. */
function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

let room = null;
const list = element("ol");
const frames = element("div", list);
frames.id = "frames";
frames.tabIndex = 0;
frames.role = "region";
frames.ariaLabel = "Frames";

function showFrame({ sent, text }) {
  list.append(element("li", `${sent ? "→" : "←"} ${text}`));
  while (list.childElementCount > SHOWN) {
    list.firstChild.remove();
  }
  frames.scrollTop = frames.scrollHeight;
}

function showClose({ name, closing }) {
  if (closing && (name === "waiting" || name === "closed")) {
    showFrame({ sent: false, text: `close ${closing.code} ${closing.reason}` });
  }
}

function row(close) {
  const button = element("button", close.name);
  button.type = "button";
  button.className = "quiet";
  button.addEventListener("click", () => {
    room?.sendFrame({ type: "debug-close", close: close.name });
  });
  const cells = [close.code, close.reason ?? "", close.explanation, close.advised];
  return element("tr", ...[button, ...cells].map((cell) => element("td", cell)));
}

const titles = ["Ask for it", "Code", "Reason", "When", "What the client does"];
const head = element("tr", ...titles.map((title) => element("th", title)));
const table = element("table", element("thead", head), element("tbody", ...[...closes, ...ownCloses].map(row)));
const scroll = element("div", table);
scroll.className = "scroll";
scroll.tabIndex = 0;
scroll.role = "region";
scroll.ariaLabel = "How a connection ends";

document
  .querySelector("main")
  .append(
    element("details", element("summary", "Frames, as they travel"), frames),
    element("details", element("summary", "How a connection ends"), scroll),
  );
document.querySelectorAll("main details").forEach((drawer) => drawer.classList.add("card"));
document.addEventListener("room", ({ detail }) => {
  room = detail;
  room.on("frame", showFrame);
  room.on("state", showClose);
});
