"use strict";
// Keys for whoever has a keyboard; each does what a link or a button of the page does. They can be switched off.
(() => {
  const OFF = "notifier-keys-off", PLACE = "notifier-place";
  const GO = { i: "incidents", d: "deliveries", l: "dead-letters", s: "silences", t: "tasks", m: "monitors", c: "channels", r: "routes", a: "stats", h: "status", u: "setup" };
  const ACTS = { a: "acknowledge", s: "snooze", r: "resolve" };
  const help = document.getElementById("keys");
  const stored = (name, value) => { try { return value === undefined ? localStorage.getItem(name) : localStorage.setItem(name, value); } catch { return null; } };
  let going = 0;

  const links = () => [...document.querySelectorAll(".incidents .what > a")];
  const at = () => links().indexOf(document.activeElement);
  const move = (by) => {
    const all = links();
    const next = Math.min(all.length - 1, Math.max(0, at() < 0 ? 0 : at() + by));
    if (all[next]) { all[next].focus(); all[next].scrollIntoView({ block: "nearest" }); }
  };
  const box = () => document.activeElement.closest("tr")?.querySelector("input[name=ids]");
  const press = (...selectors) => selectors.some((selector) => { const found = document.querySelector(selector); if (found) found.click(); return found; });

  const act = (name) => {
    const button = document.querySelector(`button[name=act][value=${name}]`);
    if (!button) return press(`form[action$="/${name}"] button`);
    if (!document.querySelector("input[name=ids]:checked, input[name=all]:checked")) {
      const all = name === "acknowledge" && document.activeElement.closest("tr.crowd")?.querySelector("button");
      if (all) { all.click(); return true; }
      if (!box()) return false;
      box().checked = true;
    }
    try { sessionStorage.setItem(PLACE, String(Math.max(0, at()))); } catch { /* then the list begins anew */ }
    button.click();
    return true;
  };

  const one = {
    j: () => move(1),
    k: () => move(-1),
    x: () => { const chosen = box(); if (chosen) chosen.checked = !chosen.checked; },
    n: () => {
      const field = document.querySelector("textarea[name=text]");
      field?.closest("details")?.setAttribute("open", "");
      field?.focus();
    },
    u: () => press(".notice form button", 'form[action$="/unacknowledge"] button', 'form[action$="/unsnooze"] button'),
    "/": () => document.querySelector("input[type=search]")?.focus(),
    "?": () => help?.showModal(),
    g: () => { going = Date.now(); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || help?.open) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (stored(OFF) && event.key !== "?") return;
    const went = Date.now() - going < 1500 && GO[event.key];
    going = 0;
    const done = went ? () => press(`nav a[href$="/${went}"]`) : ACTS[event.key] ? () => act(ACTS[event.key]) : one[event.key];
    if (done) { event.preventDefault(); done(); }
  });

  const off = help?.querySelector("input[type=checkbox]");
  if (off) {
    off.checked = Boolean(stored(OFF));
    off.addEventListener("change", () => stored(OFF, off.checked ? "1" : ""));
  }

  help?.querySelector("button")?.addEventListener("click", () => help.close());

  // After an act on the list: back to where one was in it.
  try {
    const place = sessionStorage.getItem(PLACE);
    if (place !== null && document.querySelector(".notice")) {
      links()[Math.min(Number(place), links().length - 1)]?.focus();
      sessionStorage.removeItem(PLACE);
    }
  } catch { /* without storage the list begins anew */ }
})();
