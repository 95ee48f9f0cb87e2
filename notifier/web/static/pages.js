"use strict";
// Everything works without this file. With it, pages that are open show what has changed.
(() => {
  const live = document.currentScript.dataset.live;
  const me = Math.random().toString(36).slice(2);
  const LEASE = "notifier-live", LEASE_MS = 5000, TURN_MS = 2000, SLEPT_MS = 30000;
  const channel = "BroadcastChannel" in window ? new BroadcastChannel(LEASE) : null;
  let source = null, again = 0;

  // What somebody writes outlives a session that ends meanwhile: until an act is done, or they sign out.
  const DRAFTS = "notifier-drafts";
  const texts = () => [...document.querySelectorAll("form[method=post] textarea")];
  const drafted = (text) => `${new URL(text.form.action).pathname} ${text.name}`;
  const keep = (event) => {
    const written = texts().filter((text) => text.value !== text.defaultValue).map((text) => [drafted(text), text.value]);
    try {
      if (event && event.target.action.endsWith("/sign-out")) sessionStorage.removeItem(DRAFTS);
      else sessionStorage.setItem(DRAFTS, JSON.stringify(Object.fromEntries(written)));
    } catch { /* then it is lost with the page */ }
  };
  try {
    if (document.querySelector(".notice[role=status]")) sessionStorage.removeItem(DRAFTS);
    const drafts = JSON.parse(sessionStorage.getItem(DRAFTS)) || {};
    texts().filter((text) => drafts[drafted(text)]).forEach((text) => { text.value = drafts[drafted(text)]; text.closest("details")?.setAttribute("open", ""); });
  } catch { /* as above */ }
  document.addEventListener("submit", keep);

  const changed = () => document.dispatchEvent(new CustomEvent("changed"));
  const over = () => { keep(); location.reload(); };

  // One tab of a browser holds the stream and tells the others: ten tabs over HTTP/1.1 share six connections.
  const told = (what) => { (what === "over" ? over : changed)(); if (channel) channel.postMessage(what); };
  if (channel) channel.onmessage = (event) => (event.data === "over" ? over() : changed());

  const lease = () => { try { return JSON.parse(localStorage.getItem(LEASE)) || {}; } catch { return {}; } };
  const take = () => { try { localStorage.setItem(LEASE, JSON.stringify({ by: me, until: Date.now() + LEASE_MS })); } catch { /* then every tab leads itself */ } };
  const close = () => { if (source) { source.close(); source = null; } };

  const release = () => {
    close();
    if (lease().by === me) { try { localStorage.removeItem(LEASE); } catch { /* it ends by itself */ } }
  };

  const open = () => {
    if (source || Date.now() < again) return;
    source = new EventSource(live);
    let lost = false;
    source.addEventListener("open", () => { if (lost) told("changed"); lost = false; });
    source.addEventListener("changed", () => told("changed"));
    source.addEventListener("over", () => { close(); told("over"); });
    source.addEventListener("error", () => {
      lost = true;
      if (source && source.readyState === EventSource.CLOSED) { source = null; again = Date.now() + 15000; }
    });
  };

  // A machine that slept holds a stream that may be dead without knowing it.
  const anew = () => { close(); again = 0; turn(); changed(); };
  let turned = Date.now();
  const turn = () => {
    const slept = Date.now() - turned > SLEPT_MS;
    turned = Date.now();
    if (document.hidden) return release();
    if (slept) return anew();
    const held = lease();
    if (held.by === me || !held.until || held.until < Date.now() || held.until > Date.now() + LEASE_MS) { take(); open(); } else close();
  };

  document.addEventListener("visibilitychange", () => { turn(); if (!document.hidden) changed(); });
  addEventListener("pagehide", release);
  addEventListener("pageshow", (event) => { if (event.persisted) { turn(); changed(); } });
  addEventListener("online", anew);
  setInterval(turn, TURN_MS);
  turn();

  // The number of open incidents stands in the title; the icon has a dot while there are any.
  const icon = document.querySelector("link[rel=icon]"), plain = icon.href;
  const dotted = plain.replace("%3C/svg%3E", "%3Ccircle cx='12' cy='4' r='4' fill='%23d1242f'/%3E%3C/svg%3E");
  const mark = () => {
    const list = document.querySelector("[data-open]");
    if (list) icon.href = Number(list.dataset.open) > 0 ? dotted : plain;
  };
  mark();
  document.addEventListener("htmx:after:swap", mark);

  // "12 min ago" goes on, by the service's clock and for as long as the page is open: the browser's may be hours off.
  const began = Number(document.getElementById("content").dataset.now) - Date.now();
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const age = (seconds) => {
    const parts = [];
    for (const [unit, size] of UNITS) {
      const value = Math.floor(seconds / size);
      seconds %= size;
      if (value) parts.push(`${value.toLocaleString("en")} ${unit}`);
      if (parts.length === 2 || (value && unit === "min")) break;
    }
    return parts.length ? `${parts.join(" ")} ago` : "just now";
  };
  setInterval(() => {
    if (document.hidden) return;
    document.querySelectorAll("time[datetime]").forEach((time) => {
      if (!/ago|now/.test(time.textContent)) return;
      // Within what is read aloud when it changes, this is not.
      if (time.closest("[role=status]")) time.setAttribute("aria-live", "off");
      time.textContent = age((began + Date.now() - Date.parse(time.dateTime)) / 1000);
    });
  }, 5000);

  // A box of text is copied by its button; where the clipboard is not ours, as on plain http, by selecting it.
  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const box = document.getElementById(button.dataset.copy);
      try { await navigator.clipboard.writeText(box.value); } catch { box.select(); document.execCommand("copy"); }
      button.textContent = "Copied";
    });
  });

  // Moments are told in the reader's own zone on demand; the page has them in UTC.
  document.addEventListener("mouseover", (event) => {
    const time = event.target.closest("time[datetime]");
    if (time && !time.dataset.local) {
      time.dataset.local = "1";
      time.title += ` · ${new Date(time.dateTime).toLocaleString()} here`;
    }
  });
})();
