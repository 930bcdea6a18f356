// Follows the daemon's events and keeps the cards as they are now.  Texts are set as text, never as markup.
"use strict";

const LATE_MS = 800, MOST_BARS = 20, MOST_WORDS = 40;
const cards = document.getElementById("calls");
const link = document.getElementById("link");
const part = (card, name) => card.querySelector(`[data-is="${name}"]`);
const find = (id) => [...cards.children].find((card) => card.dataset.call === id);
const ms = (value) => (value === null || value === undefined ? "-" : `${Math.round(value)} ms`);

function show(call) {
  let card = find(call.id);
  if (!card) {
    card = document.getElementById("card").content.firstElementChild.cloneNode(true);
    card.dataset.call = call.id;
    card.setAttribute("aria-label", `Call ${call.id}`);
    cards.append(card);
  }
  part(card, "caller").textContent = call.caller || "withheld";
  part(card, "number").textContent = call.number || "-";
  part(card, "agent").textContent = call.tenant ? `${call.agent} of ${call.tenant}` : call.agent;
  part(card, "door").textContent = call.door;
  part(card, "id").textContent = call.id;
  part(card, "since").dataset.began = call.began_ms;
  part(card, "turns").textContent = call.turns;
  part(card, "last").textContent = ms(call.turnaround_ms);
  part(card, "wordless").hidden = call.words;
  setFloor(card, call.floor);
  const page = `/live/${encodeURIComponent(call.id)}`;
  part(card, "hangup").action = `${page}/hangup`;
  const over = part(card, "handover"), choice = over.querySelector("select");
  over.action = `${page}/handover`;
  over.hidden = Object.keys(call.targets).length === 0;
  choice.replaceChildren(...Object.entries(call.targets).map(([key, name]) => new Option(name, key)));
  const listen = part(card, "listen");
  if (listen && !listen.src.endsWith(`${page}/listen`)) listen.src = `${page}/listen`;
  count();
}

function setFloor(card, floor) {
  part(card, "floor").textContent = floor;
  part(card, "floor").dataset.floor = floor;
}

function say(card, who, words) {
  if (!words) return;
  const line = document.createElement("li"), name = document.createElement("b");
  line.className = who;
  name.textContent = who;
  line.append(name, " ", words);
  const list = part(card, "words");
  list.append(line);
  while (list.children.length > MOST_WORDS) list.firstElementChild.remove();
  list.scrollTop = list.scrollHeight;
}

function bar(card, value) {
  if (value === null) return;
  const one = document.createElement("span"), bars = part(card, "bars");
  one.style.height = `${Math.min(100, (100 * value) / (1.5 * LATE_MS))}%`;
  one.classList.toggle("late", value > LATE_MS);
  bars.append(one);
  while (bars.children.length > MOST_BARS) bars.firstElementChild.remove();
}

function count() {
  document.getElementById("none").hidden = cards.children.length > 0;
}

async function state() {
  const answer = await fetch("/state.json");
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) return;
  const now = await answer.json();
  const set = (name, value) => { document.querySelector(`[data-state="${name}"]`).textContent = value; };
  set("calls", now.calls);
  set("places", now.places);
  set("p50", ms(now.turnaround_ms.p50));
  set("p95", ms(now.turnaround_ms.p95));
  set("load", `${Math.round(100 * now.load)} %`);
  set("problem", now.problem || "");
  document.querySelector('[data-state="problem"]').hidden = !now.problem;
}

const told = {
  calls(event) {
    const ids = event.calls.map((call) => call.id);
    for (const card of [...cards.children]) if (!ids.includes(card.dataset.call)) card.remove();
    event.calls.forEach(show);
    count();
    state();
  },
  began(event) { show(event.state); state(); },
  floor(event, card) { setFloor(card, event.floor); },
  answer(event, card) {
    part(card, "last").textContent = ms(event.turnaround_ms);
    part(card, "turns").textContent = event.turn;
    bar(card, event.turnaround_ms);
    state();
  },
  turn(event, card) { say(card, "caller", event.caller_text); say(card, "agent", event.audible_text); },
  ended(event, card) { card.remove(); count(); state(); },
  moved() { again(); },  // its agent and targets are others now
  lost() { again(); },  // what was missed is told anew
};

function again() {
  source.close();
  follow();
}

let source;
function follow() {
  source = new EventSource("/events");
  source.onopen = () => { link.textContent = "following"; };
  source.onerror = () => {
    link.textContent = "not following: the daemon does not answer";
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 3000);
  };
  for (const [type, take] of Object.entries(told)) {
    source.addEventListener(type, (message) => {
      const event = JSON.parse(message.data), card = event.call && find(event.call);
      if (!event.call || card || type === "began") take(event, card);
    });
  }
}

setInterval(() => {
  for (const since of cards.querySelectorAll('[data-is="since"]')) {
    const s = Math.max(0, Math.floor((Date.now() - Number(since.dataset.began)) / 1000));
    since.textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  }
}, 1000);
setInterval(state, 10000);
follow();
