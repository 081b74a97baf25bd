"use strict";
// The page is made by the server. This filters it while somebody types, loads it again when the server says that it is out of
// date, and lets the times go on.
const search = document.getElementById("q");
const live = document.getElementById("live");
const main = () => document.getElementById("main");
let loaded = performance.now();

function ago(s) {
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

function tick() {
  const since = Math.floor((performance.now() - loaded) / 1000);
  for (const time of document.querySelectorAll("time[data-seconds]")) {
    const text = ago(Number(time.dataset.seconds) + since);
    if (time.textContent !== text) time.textContent = text;
  }
}

function filter() {
  if (!search) return;
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let any = false, frame;
  for (const group of document.querySelectorAll("tbody:has([data-text])")) {
    let some = false;
    for (const row of group.querySelectorAll("[data-text]")) {
      const text = row.dataset.text.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      some ||= !row.hidden;
    }
    group.hidden = !some;
    any ||= some;
    frame = group.closest(".frame");
  }
  if (!frame) return;
  frame.hidden = !any;
  document.getElementById("none").hidden = any;
}

function said(text) {
  if (live.textContent !== text) live.textContent = text; // a screen reader says each change
}

// asked returns the query with what the form says under some names.
function asked(...names) {
  const query = new URLSearchParams();
  for (const [name, value] of search ? new FormData(search.form) : []) if (value && names.includes(name)) query.set(name, value);
  return query.size ? "?" + query : location.pathname;
}

// bare returns an address without user and password: a page that was opened with them may not fetch what has them, too.
function bare(address) {
  const url = new URL(address, location);
  url.username = url.password = "";
  return url;
}

let loading = false, again = false;
async function load() {
  if (loading) { again = true; return; }
  loading = true;
  try {
    do {
      again = false;
      // All that is listed comes when the server can send all: then a search needs no server.
      const query = whole ? asked("failed") : asked("q", "failed");
      const answer = await fetch(bare(query), {headers: {Accept: "text/html"}});
      if (!answer.ok) throw new Error(answer.status);
      const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (!next) throw new Error("no page");
      if (whole && "more" in next.dataset) { whole = false; again = true; continue; }
      const key = document.activeElement?.dataset?.key;
      const open = new Set([...document.querySelectorAll("details[open] > summary")].map(one => one.dataset.key));
      const left = document.querySelector(".graph")?.scrollLeft;
      for (const one of next.querySelectorAll("summary")) one.parentElement.open = open.has(one.dataset.key);
      main().replaceWith(document.adoptNode(next));
      loaded = performance.now();
      filter();
      if (left) document.querySelector(".graph")?.scrollTo(left, 0);
      said(events.readyState === EventSource.OPEN ? "Live" : "Not connected");
      if (key) [...document.querySelectorAll("[data-key]")].find(one => one.dataset.key === key)?.focus({preventScroll: true});
    } while (again);
  } catch {
    said("Not up to date");
  } finally {
    loading = false;
  }
}

// whole says that one page holds every instance, whatever the search.
let whole = !("more" in main().dataset);
let typed;
search?.addEventListener("input", () => {
  filter();
  history.replaceState(null, "", asked("q", "failed"));
  clearTimeout(typed);
  if (!whole) typed = setTimeout(load, 250);
});
search?.form.addEventListener("change", event => {
  if (event.target === search) return;
  history.replaceState(null, "", asked("q", "failed"));
  load();
});
search?.form.addEventListener("submit", event => event.preventDefault());

document.addEventListener("submit", async event => {
  const form = event.target;
  if (form.method !== "post") return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  try {
    const answer = await fetch(bare(form.action), {method: "POST", body: fields, redirect: "manual"});
    if (answer.type !== "opaqueredirect") throw new Error(await answer.text());
    load();
  } catch (error) {
    said("Refused: " + error.message);
  }
});

let events, newest;
function listen() {
  events = new EventSource(document.body.dataset.events);
  events.onopen = () => { said("Live"); };
  events.onerror = () => {
    said("Not connected");
    // A browser tries again by itself after a cut, but not after an answer such as a proxy's while the server restarts.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
  events.onmessage = event => { newest = event.data; follow(); };
}
// A page that nobody sees waits until somebody does.
function follow() {
  if (document.visibilityState === "visible" && newest && newest !== main().dataset.version) load();
}
listen();
document.addEventListener("visibilitychange", follow);
if (search?.value) load(); // what the server left out, so that another search finds it
setInterval(tick, 1000);
if (search) setInterval(() => { if (document.visibilityState === "visible" && events.readyState === EventSource.OPEN) load(); }, 15000); // a renewal is no event, and rates go down without one
