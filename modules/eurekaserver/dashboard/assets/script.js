"use strict";
// The page is made by the server. This filters it while somebody types, loads it again when the server says that it is out of
// date, and lets the times go on.
const base = document.body.dataset.base;
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
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let any = false;
  for (const group of document.querySelectorAll("tbody")) {
    let some = false;
    for (const row of group.querySelectorAll(".instance")) {
      const text = row.dataset.text.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      some ||= !row.hidden;
    }
    group.hidden = !some;
    any ||= some;
  }
  const frame = document.querySelector(".frame");
  if (!frame) return;
  frame.hidden = !any;
  document.getElementById("none").hidden = any;
}

function said(text) {
  if (live.textContent !== text) live.textContent = text; // a screen reader says each change
}

let loading = false, again = false;
async function load() {
  if (loading) { again = true; return; }
  loading = true;
  try {
    do {
      again = false;
      // All that is listed comes when the server can send all: then a search needs no server.
      const query = whole ? "" : "?q=" + encodeURIComponent(search.value);
      const answer = await fetch(location.pathname + query, {headers: {Accept: "text/html"}});
      if (!answer.ok) throw new Error(answer.status);
      const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (!next) throw new Error("no page");
      if (whole && "more" in next.dataset) { whole = false; again = true; continue; }
      const key = document.activeElement?.dataset?.key;
      main().replaceWith(document.adoptNode(next));
      loaded = performance.now();
      filter();
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
search.addEventListener("input", () => {
  filter();
  const url = new URL(location);
  if (search.value) url.searchParams.set("q", search.value); else url.searchParams.delete("q");
  history.replaceState(null, "", url);
  clearTimeout(typed);
  if (!whole) typed = setTimeout(load, 250);
});
search.form.addEventListener("submit", event => event.preventDefault());

document.addEventListener("submit", async event => {
  const form = event.target;
  if (form.method !== "post") return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  try {
    const answer = await fetch(form.action, {method: "POST", body: fields, redirect: "manual"});
    if (answer.type !== "opaqueredirect") throw new Error(await answer.text());
    load();
  } catch (error) {
    said("Refused: " + error.message);
  }
});

const events = new EventSource(base + "events");
events.onopen = () => { said("Live"); };
events.onerror = () => { said("Not connected"); };
let newest;
// A page that nobody sees waits until somebody does.
function follow() {
  if (document.visibilityState === "visible" && newest && newest !== main().dataset.version) load();
}
events.onmessage = event => { newest = event.data; follow(); };
document.addEventListener("visibilitychange", follow);
if (search.value) load(); // what the server left out, so that another search finds it
setInterval(tick, 1000);
setInterval(() => { if (document.visibilityState === "visible" && events.readyState === EventSource.OPEN) load(); }, 15000); // a renewal is no event
