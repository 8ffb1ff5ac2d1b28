/** Shows the description of the protocol. */

/** Make an element with children. */
function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

function table(label, titles, rows) {
  const head = element("tr", ...titles.map((title) => element("th", title)));
  const body = rows.map((cells) => element("tr", ...cells.map((cell) => element("td", cell))));
  const scroll = element("div", element("table", element("thead", head), element("tbody", ...body)));
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  scroll.role = "region";
  scroll.ariaLabel = label;
  return scroll;
}

/** Word the type that a schema allows. */
function wordType(schema) {
  if (schema.anyOf) {
    return schema.anyOf.map(wordType).join(" or ");
  }
  if (schema.enum || "const" in schema) {
    return (schema.enum ?? [schema.const]).map((value) => JSON.stringify(value)).join(" or ");
  }
  return schema.items ? `array of ${wordType(schema.items)}` : (schema.type ?? "any JSON");
}

function card(title, ...children) {
  const article = element("article", element("h3", title), ...children);
  article.className = "card";
  return article;
}

function message(key, found, schemas) {
  const schema = schemas[found.payload.$ref.split("/").at(-1)];
  const fields = Object.entries(schema.properties).map(([name, field]) => [
    name,
    wordType(field),
    schema.required.includes(name) ? "always" : "if there is one",
  ]);
  return card(
    found.name,
    element("p", found.summary),
    table(`Fields of ${key}`, ["Field", "Type", "Present"], fields),
  );
}

function operation({ summary, messages }, channel, schemas) {
  const keys = messages.map(({ $ref }) => $ref.split("/").at(-1));
  const cards = keys.map((key) => message(key, channel.messages[key], schemas));
  return [element("h2", summary), ...cards];
}

const { info, channels, operations, components } = await (await fetch("../asyncapi.json")).json();
const { room } = channels;
const { after, last } = room.bindings.ws.query.properties;
const closes = room["x-closes"].map(({ code, reason, lastWords, explanation, advice }) => [
  code,
  reason ?? "the server library's",
  lastWords ?? "none",
  explanation,
  advice,
]);
const main = document.getElementById("protocol");
main.append(
  element("p", `${info.title} ${info.version}: ${info.description}`),
  element("h2", "Connecting"),
  card(`GET ${room.address}`, element("p", room.description)),
  card("?after=", element("p", after.description)),
  card("?last=", element("p", last.description)),
  ...operation(operations.receive, room, components.schemas),
  ...operation(operations.send, room, components.schemas),
  element("h2", "How a connection ends"),
  table("How a connection ends", ["Code", "Reason", "Last words", "When", "The client should"], closes),
);
main.ariaBusy = "false";
