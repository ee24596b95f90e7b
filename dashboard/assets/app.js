"use strict";
// What needs no script works without this: it keeps a page up to date, and saves
// keystrokes.
(() => {
  const live = document.getElementById("live");
  const button = document.getElementById("pause");
  let source = null;
  let paused = false;

  // change makes one tree of nodes look like another, and leaves what is the same
  // alone: the focus, a selection, what was opened.
  function change(from, to) {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
      from.replaceWith(to.cloneNode(true));
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    changeChildren(from, to);
  }

  function changeChildren(from, to) {
    const old = [...from.childNodes];
    [...to.childNodes].forEach((node, i) => {
      if (i < old.length) change(old[i], node);
      else from.append(node.cloneNode(true));
    });
    old.slice(to.childNodes.length).forEach((node) => node.remove());
  }

  function show(state, text) {
    button.dataset.state = state;
    button.textContent = text;
    button.setAttribute("aria-pressed", String(paused));
  }

  function disconnect() {
    if (source) source.close();
    source = null;
  }

  function connect() {
    disconnect();
    if (paused || document.hidden) return;
    source = new EventSource(live.dataset.stream);
    source.addEventListener("open", () => show("live", "Live"));
    source.addEventListener("live", (event) => {
      changeChildren(live, new DOMParser().parseFromString(event.data, "text/html").body);
    });
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) show("off", "Not live");
      else show("wait", "Connecting");
    });
  }

  function toggle() {
    paused = !paused;
    if (paused) {
      disconnect();
      show("paused", "Paused");
    } else {
      show("wait", "Connecting");
      connect();
    }
  }

  if (live && live.dataset.stream && button) {
    button.hidden = false;
    button.title = "Keep this page up to date, or not (p)";
    show("wait", "Connecting");
    button.addEventListener("click", toggle);
    document.addEventListener("visibilitychange", connect);
    window.addEventListener("pagehide", disconnect);
    window.addEventListener("pageshow", connect);
  }

  for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
    tab.scrollIntoView({ block: "nearest", inline: "center" });
  }

  for (const all of document.querySelectorAll("[data-all]")) {
    all.closest("label").hidden = false;
    all.addEventListener("change", () => {
      for (const box of all.form.querySelectorAll('input[name="id"]')) box.checked = all.checked;
    });
  }

  const places = { o: "./", t: "tasks", f: "failed", s: "servers", c: "schedules" };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const filter = document.querySelector("[data-filter]");
    if (event.key === "/" && filter) {
      event.preventDefault();
      filter.focus();
    } else if (event.key === "p" && button) {
      toggle();
    } else if (Object.hasOwn(places, event.key)) {
      location.assign(places[event.key]);
    }
  });
})();
