// Says what is wrong with the page for readers who do not see it, or not well.
() => {
  const problems = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const tell = (what, element) => problems.push(`${what}: ${element.outerHTML.slice(0, 120)}`);

  if (!document.documentElement.lang) problems.push("no language");
  if (!document.title.trim()) problems.push("no title");
  for (const landmark of ["header", "main", "footer", "h1"]) {
    if (all(landmark).length !== 1) problems.push(`not one ${landmark}`);
  }
  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) tell("a heading skips a level", heading);
    if (!heading.textContent.trim()) tell("an empty heading", heading);
    level = own;
  }
  for (const field of all("input, select, textarea")) {
    if (![...field.labels].some((label) => label.textContent.trim())) tell("no label", field);
  }
  for (const element of all("button, a, summary")) {
    if (!element.textContent.trim()) tell("no name", element);
  }
  for (const picture of all("svg, img")) {
    const isNamed = picture.getAttribute("role") === "img" && picture.getAttribute("aria-label");
    if (!isNamed) tell("a picture without words", picture);
  }
  for (const cell of all("th")) {
    if (!cell.scope) tell("a table header without scope", cell);
  }
  for (const table of all("table")) {
    if (!table.querySelector("thead th[scope=col]")) tell("a table without headers", table);
  }
  for (const element of all(".wide")) {
    if (element.tabIndex !== 0) tell("scrolls, but not with the keyboard", element);
  }

  // Contrast as in WCAG 2: 4.5 to 1 for text.
  const parsed = (color) => {
    const parts = color.match(/[\d.]+/g).map(Number);
    return {rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1};
  };
  const luminance = (rgb) => {
    const [red, green, blue] = rgb.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let node = element; node !== null; node = node.parentElement) {
      const {rgb, alpha} = parsed(getComputedStyle(node).backgroundColor);
      if (alpha === 1) return rgb;
      if (alpha !== 0) tell("half transparent", node);
    }
    return [255, 255, 255];
  };
  let measured = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const isShown = walker.currentNode.data.trim() && element.checkVisibility();
    if (!isShown || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const isLetter = element.tagName === "text";
    const ink = parsed(isLetter ? style.fill : style.color).rgb;
    const paper = isLetter
      ? parsed(getComputedStyle(element.previousElementSibling).fill).rgb
      : behind(element);
    const [dark, light] = [luminance(ink), luminance(paper)].sort((a, b) => a - b);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < 4.5) tell(`contrast ${ratio.toFixed(2)} in ${style.color}`, element);
    measured += 1;
  }
  if (measured < 20) problems.push(`only ${measured} texts measured`);
  return problems;
}
