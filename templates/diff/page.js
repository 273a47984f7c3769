// The page is whole without this: it adds a filter, sorting, and opening all at once.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (name) => document.getElementById(name);
  const rows = all("#overview tbody tr");
  const sectionOf = new Map(rows.map((row) => {
    const link = row.querySelector("a");
    return [row, link === null ? null : byId(link.hash.slice(1))];
  }));
  const text = byId("filter-text");
  const least = byId("filter-impact");
  const equal = byId("filter-equal");

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      const fits = words.every((word) => content.includes(word)) &&
        Number(row.dataset.impact) >= Number(least.value) &&
        (equal.checked || row.dataset.status !== "equal");
      row.hidden = !fits;
      const section = sectionOf.get(row);
      if (section) section.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    byId("filter-count").textContent = `${shown} of ${rows.length} shown`;
  };

  const sort = (heading, column) => {
    const isUp = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of all("#overview thead th")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    const value = (row) => {
      const cell = row.cells[column];
      return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
    };
    const isNumber = heading.classList.contains("number") || heading.dataset.kind === "number";
    const order = (a, b) => {
      const [left, right] = [value(a), value(b)];
      if (left === "" || right === "") return (left === "") - (right === "");  // unknown: last
      const difference = isNumber ? left - right : left.localeCompare(right, "en", {numeric: true});
      return isUp ? difference : -difference;
    };
    byId("overview").tBodies[0].append(...[...rows].sort(order));
  };

  const open = (isOpen) => {
    for (const section of all("details.profile, details.unread")) {
      if (!section.hidden) section.open = isOpen;
    }
  };

  // For browsers that do not know `::details-content`, by which the style opens them on paper.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const section of closed) section.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const section of closed) section.open = false;
  });

  const reveal = () => {
    const target = byId(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };

  if (byId("overview")) {
    all("#overview thead th").forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sort(heading, column));
      heading.replaceChildren(button);
    });
    text.addEventListener("input", filter);
    least.addEventListener("change", filter);
    equal.addEventListener("change", filter);
    byId("open-all").addEventListener("click", () => open(true));
    byId("close-all").addEventListener("click", () => open(false));
    byId("controls").hidden = false;
    filter();
  }
  window.addEventListener("hashchange", reveal);
  reveal();
})();
