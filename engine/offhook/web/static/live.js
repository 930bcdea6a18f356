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
  count();
}

function setFloor(card, floor) {
  part(card, "floor").textContent = floor;
  part(card, "floor").dataset.floor = floor;
}

const MOODS = ["angry", "pleased"]; // neutral is what most turns are
function say(card, who, words, mood) {
  const shown = MOODS.includes(mood) ? mood : "";
  if (!words && !shown) return;
  const line = document.createElement("li"), name = document.createElement("b");
  line.className = who;
  name.textContent = who;
  line.append(name, " ", words || "");
  if (shown) {
    const tag = document.createElement("em");
    tag.className = `mood ${shown}`;
    tag.textContent = shown;
    line.append(" ", tag);
  }
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

// Both sides of a call: an endless WAV of two channels, which <audio> would wait for the end of.
async function listen(card, button) {
  const stop = new AbortController(), sound = new AudioContext();
  card.listening = stop;
  button.textContent = "Stop listening";
  let rate = 0, at = 0, heard = 0, rest = new Uint8Array(0);
  try {
    const answer = await fetch(`/live/${encodeURIComponent(card.dataset.call)}/listen`, { signal: stop.signal });
    if (!answer.ok) throw new Error("the daemon gives no sound of this call");
    const reader = answer.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const bytes = new Uint8Array(rest.length + value.length);
      bytes.set(rest);
      bytes.set(value, rest.length);
      rest = bytes;
      let from = 0;
      if (!rate) {
        if (bytes.length < 44) continue;
        rate = new DataView(bytes.buffer).getUint32(24, true);
        from = 44;
      }
      const frames = Math.floor((bytes.length - from) / 4);
      rest = bytes.slice(from + 4 * frames);
      if (!frames) continue;
      const view = new DataView(bytes.buffer, from), block = sound.createBuffer(2, frames, rate);
      for (const side of [0, 1]) {
        const samples = block.getChannelData(side);
        for (let i = 0; i < frames; i++) samples[i] = view.getInt16(4 * i + 2 * side, true) / 32768;
      }
      const node = sound.createBufferSource();
      node.buffer = block;
      node.connect(sound.destination);
      if (at < sound.currentTime || at > sound.currentTime + 2) at = sound.currentTime + 0.2;
      node.start(at);
      at += block.duration;
      heard += block.duration;
      button.dataset.heard = heard.toFixed(2);
    }
  } catch (error) {
    if (!stop.signal.aborted) link.textContent = error.message;
  } finally {
    card.listening = null;
    button.textContent = "Listen";
    sound.close();
  }
}

cards.addEventListener("click", (event) => {
  const button = event.target.closest('[data-is="listen"]');
  if (!button) return;
  const card = button.closest(".call");
  if (card.listening) card.listening.abort();
  else listen(card, button);
});

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
  turn(event, card) { say(card, "caller", event.caller_text, event.mood); say(card, "agent", event.audible_text); },
  ended(event, card) { card.listening?.abort(); card.remove(); count(); state(); },
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
  source.onopen = () => { link.textContent = "as it happens"; };
  source.onerror = () => {
    link.textContent = "not up to date: the daemon does not answer";
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
