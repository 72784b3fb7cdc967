/* Tocsin: page views, clicks, tocsin.track(name, data). */
(() => {
  "use strict";
  const script = document.currentScript, nav = navigator;
  if (!script || window.tocsin) return;
  /* Global Privacy Control, Do Not Track */
  const silent = nav.globalPrivacyControl || nav.doNotTrack === "1";
  const address = new URL("v1/batch", script.src).href, site = script.dataset.site || "default";
  const memory = {};
  let queue = [], timer, here = "";

  const keep = (key, value) => {
    memory[key] = value;
    try { localStorage.setItem("tocsin." + key, value); } catch { /* denied */ }
    return value;
  };
  const kept = (key) => {
    try { return localStorage.getItem("tocsin." + key) || memory[key]; } catch { return memory[key]; }
  };
  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)),
    (byte) => byte.toString(16).padStart(2, "0")).join("");
  const session = () => {
    const [id, last] = (kept("session") || "").split("."), now = Date.now();
    const current = id && now - last < 18e5 ? id : random(); /* 30 minutes */
    keep("session", current + "." + now);
    return current;
  };
  const flush = () => {
    timer = clearTimeout(timer);
    if (!queue.length) return;
    const body = JSON.stringify({ writeKey: site, sentAt: new Date(), batch: queue });
    queue = [];
    if (nav.sendBeacon && nav.sendBeacon(address, body)) return;
    fetch(address, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
  };
  const send = (type, event, properties = {}) => {
    if (silent) return;
    queue.push({
      type, event, properties, messageId: random(), timestamp: new Date(),
      anonymousId: kept("visitor") || keep("visitor", random()),
      context: {
        sessionId: session(),
        page: { url: location.href, title: document.title, referrer: document.referrer },
      },
    });
    if (queue.length > 49) flush();
    else timer = timer || setTimeout(flush, 500);
  };
  const page = () => {
    if (location.href === here) return;
    here = location.href;
    send("page");
  };
  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = function (...given) {
      original.apply(this, given);
      setTimeout(page); /* the page sets its title first */
    };
  }
  addEventListener("popstate", page);
  addEventListener("pagehide", flush);
  document.addEventListener("visibilitychange", () => document.hidden && flush());
  document.addEventListener("click", ({ target }) => {
    const on = target.closest && target.closest("a,button,[role=button]");
    if (!on) return;
    const mark = on.id ? "#" + on.id : on.classList[0] ? "." + on.classList[0] : "";
    const text = on.textContent.trim().replace(/\s+/g, " ").slice(0, 80);
    send("track", "click", { target: on.localName + mark + " " + text, href: on.href });
  }, true);
  window.tocsin = { track: (name, properties) => send("track", name, properties) };
  page();
})();
