/** Shows the description of the protocol. */

const ANY = "JsonValue";

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

/** The key of the schema, or the message, that is referred to. */
function keyOf({ $ref }) {
  return $ref.split("/").at(-1);
}

/** Word the type that a schema allows. */
function wordType(schema) {
  const options = schema.anyOf ?? schema.oneOf;
  if (options) {
    return options.map(wordType).join(" or ");
  }
  if (schema.$ref) {
    return keyOf(schema) === ANY ? "any JSON" : keyOf(schema);
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

function fields(key, { properties, required = [] }) {
  const rows = Object.entries(properties).map(([name, field]) => [
    name,
    wordType(field),
    required.includes(name) ? "always" : "if there is one",
  ]);
  return table(`Fields of ${key}`, ["Field", "Type", "Present"], rows);
}

function message(key, found, schemas) {
  const schema = schemas[keyOf(found.payload)];
  return card(found.name, element("p", found.summary), fields(key, schema));
}

function operation({ summary, messages }, channel, schemas) {
  const cards = messages.map(keyOf).map((key) => message(key, channel.messages[key], schemas));
  return [element("h2", summary), ...cards];
}

/** Show what the fields of messages refer to. */
function types(channel, schemas) {
  const messages = Object.values(channel.messages).map(({ payload }) => keyOf(payload));
  const rest = Object.entries(schemas).filter(([key]) => key !== ANY && !messages.includes(key));
  const cards = rest.map(([key, schema]) =>
    card(
      key,
      element("p", schema.description ?? ""),
      schema.properties ? fields(key, schema) : element("p", wordType(schema)),
    ),
  );
  return cards.length > 0 ? [element("h2", "Types"), ...cards] : [];
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
  ...types(room, components.schemas),
  element("h2", "How a connection ends"),
  table("How a connection ends", ["Code", "Reason", "Last words", "When", "The client should"], closes),
);
main.ariaBusy = "false";
