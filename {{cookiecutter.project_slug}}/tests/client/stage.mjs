/** What each test of the page's client has: rooms of its own, and a way to the service. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test as limitless } from "node:test";
import { pathToFileURL } from "node:url";

import { getToken, until, urlOf, Way } from "./server.mjs";

const from = (file) => import(pathToFileURL(`${process.env.STATIC}/${file}`));
export const { NotSent, Refused, RequestFailed, Room, findClose } = await from("rooms.js");
export const { closes } = await from("closes.js");

const LIMIT = 15_000;

let rooms = [];
export let way;

export function test(name, run) {
  limitless(name, { timeout: LIMIT }, run);
}

beforeEach(async () => {
  way = await new Way().listen();
});

afterEach(() => {
  rooms.forEach((room) => room.close());
  rooms = [];
  way.close();
});

/** A client, with all that it was told. */
export function make(name, { user = "ann", ...options } = {}) {
  const room = new Room(urlOf(name, way.address), {
    token: () => getToken(name, user),
    firstDelay: 20,
    patience: 3_000,
    ...options,
  });
  rooms.push(room);
  room.bodies = [];
  room.states = [];
  room.welcomes = [];
  room.errors = [];
  room.on("message", ({ body }) => room.bodies.push(body));
  room.on("state", (state) => room.states.push({ ...state, at: Date.now() }));
  room.on("welcome", (welcome) => room.welcomes.push(welcome));
  room.on("error", (error) => room.errors.push(error));
  return room;
}

export async function enter(name, options) {
  const room = make(name, options);
  room.connect();
  await isOpen(room);
  return room;
}

export const isOpen = (room) => until("an open room", () => room.state.name === "open");
export const cameBack = (room, times = 2) =>
  until("its return", () => room.state.name === "open" && room.welcomes.length >= times);
export const heard = (room, bodies) =>
  until(`${bodies}; it heard ${room.bodies}`, () => room.bodies.length >= bodies.length).then(() =>
    assert.deepEqual(room.bodies, bodies),
  );
