"use strict";
// The page is complete without this: it adds a filter by text, the way from failure to failure, and local time.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const box = document.querySelector("[type=search]");
  const output = document.querySelector("output");
  const place = document.querySelector(".place");
  let suites = null;
  let current = null;

  const STATES = { passed: ".passed, .accepted", failed: ".failed, .error", skipped: ".unreached, .unchecked" };

  // Texts are read when the browser has time: a page may hold tens of thousands of steps.
  const index = () => {
    const lower = (element) => element.textContent.toLowerCase();
    return all(".suite").map((element) => ({
      element,
      item: document.querySelector(`.rail [href="#${CSS.escape(element.id)}"]`)?.parentElement,
      name: lower(element.querySelector("h2")),
      folded: !element.open,
      chunks: all(".steps", element).map((chunk) => ({
        element: chunk,
        steps: all(".step", chunk).map((step) => ({
          element: step,
          text: all("[dir]", step).map(lower).join("\n"),
          state: Object.keys(STATES).find((state) => step.matches(STATES[state])),
          near: step.matches(".near"),
        })),
      })),
    }));
  };

  const filter = () => {
    const words = box ? box.value.trim().toLowerCase() : "";
    const state = document.querySelector("[name=state]:checked")?.value ?? "";
    suites ??= index();
    let count = 0;
    for (const suite of suites) {
      const whole = suite.name.includes(words);
      const before = count;
      for (const chunk of suite.chunks) {
        let visible = false;
        for (const step of chunk.steps) {
          step.hidden = !whole && !step.text.includes(words);
          const fits = !step.hidden && (!state || state === step.state);
          count += fits;
          visible ||= fits || (!step.hidden && state === "failed" && step.near);
        }
        chunk.element.hidden = !visible;
        if (visible) for (const step of chunk.steps) if (step.element.hidden !== step.hidden) step.element.hidden = step.hidden;
      }
      const shown = count > before;
      const hidden = !shown && !(whole && (!state || (state === "failed" && suite.element.matches(".failed"))));
      suite.element.hidden = hidden;
      if (suite.item) suite.item.hidden = hidden;
      if (suite.folded) suite.element.open = Boolean(shown && (words || state));
    }
    document.body.classList.toggle("filtered", Boolean(words));
    if (output) output.textContent = words ? `${count.toLocaleString()} ${count === 1 ? "step" : "steps"}` : "";
  };

  let frame = 0;
  const soon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(filter);
  };

  const reveal = (element) => {
    for (let part = element; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    element.scrollIntoView();
  };

  const jump = (way) => {
    const red = ".step:is(.failed, .error)";
    const stops = all(`${red}, .suite.failed`).filter(
      (stop) => !stop.hidden && !stop.closest(".suite[hidden]") && (stop.matches(red) || !stop.querySelector(red)),
    );
    if (!stops.length) return;
    const lies = (side) => (stop) => current.compareDocumentPosition(stop) & side;
    const next = current ? stops.findIndex(lies(Node.DOCUMENT_POSITION_FOLLOWING)) : 0;
    const before = current ? stops.findLastIndex(lies(Node.DOCUMENT_POSITION_PRECEDING)) : -1;
    current = stops.at(way > 0 ? Math.max(next, 0) : before);
    place.textContent = `${stops.indexOf(current) + 1} of ${stops.length.toLocaleString()}`;
    reveal(current);
    (current.querySelector("summary") ?? current).focus({ preventScroll: true });
  };

  const follow = () => {
    const target = document.querySelector(":is(.step, .suite):target");
    if (!target) return;
    current = target;
    target.classList.add("opened");
    reveal(target);
  };

  document.body.classList.add("scripted");
  for (const part of all(".tools")) part.hidden = false;
  for (const rail of all(".rail > details")) rail.open = matchMedia("(min-width: 64rem)").matches;
  for (const time of all("time")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.title = time.textContent;
    time.textContent = date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
  (window.requestIdleCallback ?? setTimeout)(() => { suites ??= index(); });
  box?.addEventListener("input", soon);
  for (const radio of all("[name=state]")) radio.addEventListener("change", soon);
  for (const button of all("[data-way]")) button.addEventListener("click", () => jump(Number(button.dataset.way)));
  addEventListener("hashchange", follow);
  addEventListener("load", follow);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && box?.value) {
      box.value = "";
      filter();
    } else if (!event.target.matches?.("[type=search]")) {
      const way = { n: 1, j: 1, p: -1, k: -1 }[event.key];
      if (way && place) jump(way);
    }
  });
})();
